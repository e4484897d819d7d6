using System.CommandLine;

namespace HeadTap.Cli;

/// <summary><c>replay</c>: makes a server's reply again.</summary>
static class ReplayCommand
{
    internal static Command Create(GlobalOptions global)
    {
        var file = new Argument<string>("file")
        {
            Description = "a reply of /v1/headtap/run, JSON or safetensors, or its replay record",
            HelpName = "FILE",
        };
        Option<string> model = PromptOptions.ModelOption(required: true);
        Option<string?> files = new PathOption<string?>("--files", PathUse.Reads)
        {
            Description = "the folder with the files that edits name, each under its id", HelpName = "DIR",
        };
        Option<string?> lens = new PathOption<string?>("--lens", PathUse.Reads)
        {
            Description = "the lens that the request reads through, where that is not the logit lens",
            HelpName = "[NAME=]DIR", PathIn = text => ReplayJob.SplitLens(text).Folder,
        };
        Option<string?> output = new PathOption<string?>("--out", PathUse.WritesFile)
        {
            Description = "a file for the reply", HelpName = "F",
        };
        var command = new Command("replay", "Make a server's reply again, and compare it byte for byte")
        {
            file, model, files, lens, output,
        };
        command.SetAction(parsed => Run(global.Of(parsed), new ReplayOptions
        {
            File = parsed.GetValue(file)!, Model = parsed.GetValue(model)!, Files = parsed.GetValue(files),
            Lens = parsed.GetValue(lens),
            Out = parsed.GetValue(output),
        }));
        return command;
    }

    static int Run(Invocation run, ReplayOptions options)
    {
        ReplayResult result = run.RunJob(context => ReplayJob.Run(options, context));
        if (run.Json)
            run.WriteJson(result, ServingJson.Default.ReplayResult);
        else
            run.Line(result.SameBytes switch
            {
                true => $"the same bytes; request {result.RequestSha256}",
                false => $"differs {result.Difference}; request {result.RequestSha256}",
                null => "made again; nothing was compared, for the file has the record alone; request "
                    + result.RequestSha256,
            });
        return result.SameBytes == false ? ExitCode.Defect : ExitCode.Done;
    }
}
