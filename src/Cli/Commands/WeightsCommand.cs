using System.CommandLine;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Cli;

/// <summary><c>weights pull</c>: downloads a published model into a folder.</summary>
static class WeightsCommand
{
    internal static Command Create(GlobalOptions global)
    {
        var name = new Argument<string>("model")
        {
            Description = string.Join(", ", PublishedModel.All.Select(m => m.Name)),
        };
        Option<string> output = new PathOption<string>("--out", PathUse.WritesFolder)
        {
            Description = "the folder", HelpName = "DIR", Required = true,
        };
        Option<string> mirror = new("--mirror")
        {
            Description = "a server with the hub's paths", HelpName = "URL",
            DefaultValueFactory = _ => new WeightsDownload().Mirror,
        };
        var pull = new Command("pull",
            "Fetch a published model from the Hugging Face hub; an interrupted pull is continued")
        {
            name, output, mirror,
        };
        pull.SetAction(parsed => Pull(global.Of(parsed), new WeightsPullOptions
        {
            Model = parsed.GetValue(name)!, Out = parsed.GetValue(output)!, Mirror = parsed.GetValue(mirror)!,
        }));
        return new Command("weights", "Fetch published weights") { pull };
    }

    static int Pull(Invocation run, WeightsPullOptions options)
    {
        IReadOnlyList<PulledFile> files = run.RunJob(context => WeightsPullJob.Run(options, context));
        if (run.Json)
            return run.WriteJson(files, ModelJobsJson.Default.IReadOnlyListPulledFile);
        foreach (PulledFile f in files)
            run.Line($"{f.File}  {Counted.Of(f.Bytes, "byte")}  "
                + $"{f.Checksum ?? "no checksum from the server"}");
        return ExitCode.Done;
    }
}
