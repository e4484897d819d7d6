using System.CommandLine;
using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Cli;

/// <summary><c>weights pull</c>: a published model into a folder.</summary>
static class WeightsCommand
{
    internal static Command Create(GlobalOptions global)
    {
        var name = new Argument<string>("model")
        {
            Description = string.Join(", ", PublishedModel.All.Select(m => m.Name)),
        };
        Option<string> output = new("--out")
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
        pull.SetAction(parsed => Pull(global.Of(parsed), PublishedModel.Find(parsed.GetValue(name)!),
            parsed.GetValue(output)!, parsed.GetValue(mirror)!));
        return new Command("weights", "Fetch published weights") { pull };
    }

    static int Pull(Invocation run, PublishedModel model, string folder, string mirror)
    {
        AtomicFile.RequireWritable(Path.Combine(folder, "config.json"));
        IReadOnlyList<DownloadedFile> files = [];
        run.WithProgress($"pulling {model.Name}", report =>
        {
            var download = new WeightsDownload
            {
                Mirror = mirror,
                Progress = p => report(p.Total is > 0 and { } total ? (double)p.Bytes / total : 0,
                    $"{p.File}, {MemoryPlan.Text((long)p.BytesPerSecond)}/s"),
            };
            files = download.PullAsync(model, folder, run.Cancel).GetAwaiter().GetResult();
        });
        if (run.Json)
            run.WriteJson(new JsonArray([.. files.Select(f => new JsonObject
            {
                ["file"] = f.Name, ["bytes"] = f.Bytes, ["checksum"] = f.Checksum,
            })]));
        else
            foreach (DownloadedFile f in files)
                run.Line($"{f.Name}  {f.Bytes} bytes  {f.Checksum ?? "no checksum from the server"}");
        return ExitCode.Done;
    }
}
