using System.CommandLine;
using HeadTap.Runtime;

namespace HeadTap.Cli;

/// <summary><c>train</c>: trains a model described by a config file.</summary>
static class TrainCommand
{
    internal static Command Create(GlobalOptions global)
    {
        Option<string> config = new PathOption<string>("--config", PathUse.Reads)
        {
            Description = "what to train on what, and how; weights/atlas/train.json is one",
            HelpName = "FILE", Required = true, Further = NamedFiles.InCurrentFolder,
        };
        Option<string> folder = new PathOption<string>("--out", PathUse.WritesFolder)
        {
            Description = "gets the model, a checkpoint, the metrics and the curve of the losses",
            HelpName = "FOLDER", Required = true,
        };
        Option<bool> resume = new("--resume") { Description = "accepted; the same call goes on by itself" };
        var rules = new TextRuleOptions("document",
            bos: "put the begin-of-text token before each document, as train does unless its config says no");
        var command = new Command("train",
            "Train a model; Ctrl-C saves a checkpoint, which is a model that loads. --seed replaces the "
            + "config's seed, and options for texts add to the config's")
        {
            config, folder, resume,
        };
        rules.AddTo(command);
        command.SetAction(parsed => Run(global.Of(parsed), new TrainOptions
        {
            Config = parsed.GetValue(config)!,
            Out = parsed.GetValue(folder)!,
            Rules = rules.Read(parsed),
            Command = $"train --config {parsed.GetValue(config)}",
        }));
        return command;
    }

    static int Run(Invocation run, TrainOptions options)
    {
        TrainResult result = run.RunJob(context => TrainJob.Run(options, context));
        if (run.Json)
            run.WriteJson(result, ModelJobsJson.Default.TrainResult);
        else
            Print(run, result);
        run.Cancel.ThrowIfCancellationRequested();
        return ExitCode.Done;
    }

    static void Print(Invocation run, TrainResult result)
    {
        run.Line($"{(result.Complete ? "trained" : "stopped, the same call goes on")}: "
            + $"{Counted.Of(result.Step, "step")}, "
            + $"{Counted.Of(result.Tokens, "token")}, {TimeSpan.FromSeconds(result.Seconds):hh\\:mm\\:ss}"
            + (result.Loss is { } loss ? $", loss {loss:0.0000}" : ""));
        if (result.Evaluation is { } atlas)
            EvalCommand.Print(run, atlas);
    }
}
