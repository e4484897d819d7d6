using System.CommandLine;
using System.Text.Json.Nodes;
using HeadTap.Atlas;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Cli;

/// <summary><c>train</c>: trains a model as a config file says.</summary>
static class TrainCommand
{
    internal static Command Create(GlobalOptions global)
    {
        Option<string> config = new("--config")
        {
            Description = "what to train on what, and how; weights/atlas/train.json is one",
            HelpName = "FILE", Required = true,
        };
        Option<string> folder = new("--out")
        {
            Description = "gets checkpoint, metrics and at the end the model",
            HelpName = "FOLDER", Required = true,
        };
        Option<bool> resume = new("--resume") { Description = "accepted; the same call goes on by itself" };
        var command = new Command("train",
            "Train a model; Ctrl-C saves a checkpoint. --seed replaces the config's seed")
        {
            config, folder, resume,
        };
        command.SetAction(parsed =>
        {
            Invocation run = global.Of(parsed);
            TrainingConfig read = TrainingConfig.Read(parsed.GetValue(config)!);
            return Run(run, run.GivenSeed is { } seed ? read with { Seed = seed } : read,
                parsed.GetValue(folder)!,
                $"train --config {parsed.GetValue(config)}");
        });
        return command;
    }

    static int Run(Invocation run, TrainingConfig config, string folder, string command)
    {
        AtomicFile.RequireWritable(Path.Combine(folder, TrainingRun.MetricsFile));
        using ComputeDevice device = run.OpenDevice();
        TrainingResult? result = null;
        bool trained = false;
        run.WithProgress("training", report =>
            result = TrainingRun.Run(device, config, folder, new TrainingRunOptions
        {
            Command = command,
            Atlas = AtlasCorpus.ShippedDocuments,
            Stop = run.Cancel,
            Started = trainer =>
                run.Remark($"{trainer.Steps} steps, {trainer.Step} done; beside the weights {trainer.Plan}"),
            Progress = p =>
            {
                trained = true;
                report((double)p.Last.Step / p.Steps,
                    $"loss {p.Last.Loss:0.000}, {p.TokensPerSecond:0} tokens/s, "
                    + $"{p.TimeLeft:hh\\:mm\\:ss} left");
                if (!run.ShowsProgress && (p.Last.Step % 50 == 0 || p.Last.Step == p.Steps))
                    run.Remark($"step {p.Last.Step} of {p.Steps}: loss {p.Last.Loss:0.0000}, "
                        + $"{p.TokensPerSecond:0} tokens/s, {p.TimeLeft:hh\\:mm\\:ss} left");
            },
        }));
        if (result is { Complete: true } && !trained)
            run.Remark("complete already; nothing was trained");
        AtlasEvaluation? atlas = result!.Complete && config.Data.AtlasSeed is { } seed
            ? Evaluate(device, folder, seed) : null;
        Report(run, result, atlas);
        run.Cancel.ThrowIfCancellationRequested();
        return ExitCode.Done;
    }

    static AtlasEvaluation Evaluate(ComputeDevice device, string folder, ulong seed)
    {
        using LanguageModel model = LanguageModel.Load(device, folder);
        return AtlasEvaluation.Run(model, ByteBpeTokenizer.Load(folder),
            new AtlasCorpus(AtlasFacts.Shipped, seed));
    }

    static void Report(Invocation run, TrainingResult result, AtlasEvaluation? atlas)
    {
        if (run.Json)
        {
            run.WriteJson(new JsonObject
            {
                ["complete"] = result.Complete,
                ["step"] = result.Step,
                ["tokens"] = result.Tokens,
                ["loss"] = result.Loss,
                ["seconds"] = result.Elapsed.TotalSeconds,
                ["atlas"] = atlas is null ? null : AtlasTable.Json(atlas),
            });
            return;
        }
        run.Line($"{(result.Complete ? "trained" : "stopped, continue with --resume")}: {result.Step} steps, "
            + $"{result.Tokens} tokens, {result.Elapsed:hh\\:mm\\:ss}"
            + (result.Loss is { } loss ? $", loss {loss:0.0000}" : ""));
        if (atlas is not null)
            AtlasTable.Print(run, atlas);
    }
}
