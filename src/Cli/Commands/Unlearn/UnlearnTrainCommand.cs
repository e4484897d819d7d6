using System.CommandLine;
using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;
using HeadTap.Unlearn;

namespace HeadTap.Cli;

/// <summary><c>unlearn train</c>: a TinyMem model on a TinyMem data set.</summary>
sealed class UnlearnTrainCommand
{
    readonly Option<string> _data = new("--data")
    {
        Description = "a folder that unlearn data wrote", HelpName = "DIR", Required = true,
    };
    readonly Option<string> _preset =
        LensTrainCommand.Word("--preset", "small", "paper (published epochs and batch) or small");
    readonly Option<int?> _layers = Number("--layers", "blocks: 4");
    readonly Option<int?> _epochs = Number("--epochs", "passes over the rows");
    readonly Option<int?> _batch = Number("--batch-rows", "rows of a step");
    readonly Option<float> _rate = GlobalOptions.Number("--learning-rate", 1e-3f, "AdamW's, constant");
    readonly Option<float> _decay = GlobalOptions.Number(
        "--weight-decay", 0.1f, "AdamW's, of all parameters");
    readonly Option<string?> _keep = new("--keep")
    {
        Description = "epochs, with commas between, whose models are kept as epoch-N", HelpName = "N,N",
    };
    readonly Option<int> _evaluate = GlobalOptions.Number(
        "--evaluate-every", 10, "epochs between measurements");
    readonly Option<int> _checkpoint = GlobalOptions.Number("--checkpoint-every", 10, "epochs");
    readonly Option<string?> _regulariser = new("--regulariser")
    {
        Description = string.Join(", ", RegulariserCatalog.Names) + "; none unless given", HelpName = "NAME",
    };
    readonly Option<string> _form = LensTrainCommand.Word("--form", "corrected",
        "of --regulariser: corrected, or reference (as the published code computes it)");
    readonly Option<float?> _lambda = Part("--lambda", "weight of spectral-norm's penalty: 0.01");
    readonly Option<float?> _share = Part("--share",
        "share that loss-truncation drops (0.05), or that example-tied-dropout keeps on (0.2)");
    readonly Option<float?> _probability =
        Part("--probability", "of a neuron being on for an example, with example-tied-dropout: 0.1");
    readonly Option<int?> _record = new("--record")
    {
        Description = "losses that loss-truncation ranks: 10000", HelpName = "N",
    };
    readonly Option<bool> _resume = new("--resume")
    {
        Description = "accepted; the same call goes on by itself",
    };
    readonly Option<string> _out = new("--out")
    {
        Description = "gets the model, metrics and checkpoint", HelpName = "DIR", Required = true,
    };

    internal static Command Create(GlobalOptions global) => new UnlearnTrainCommand().Make(global);

    static Option<int?> Number(string name, string description) => new(name)
    {
        Description = $"{description}; the preset's unless given", HelpName = "N",
    };

    static Option<float?> Part(string name, string description) => new(name)
    {
        Description = description, HelpName = "N",
    };

    Command Make(GlobalOptions global)
    {
        var command = new Command("train",
            "Train a TinyMem model; Ctrl-C saves a checkpoint behind the current epoch");
        foreach (Option option in (Option[])[_data, _preset, _layers, _epochs, _batch, _rate, _decay, _keep,
            _evaluate, _checkpoint, _regulariser, _form, _lambda, _share, _probability, _record, _out,
            _resume])
            command.Options.Add(option);
        command.SetAction(parsed => Run(global.Of(parsed), parsed));
        return command;
    }

    int Run(Invocation run, ParseResult parsed)
    {
        string folder = parsed.GetValue(_data)!;
        TinyMemTrainingOptions options = Options(run, parsed, TinyMemFolder.Load(folder).Options).Validated();
        using ComputeDevice device = run.OpenDevice();
        TinyMemScore? score = null;
        bool trained = false;
        var watch = System.Diagnostics.Stopwatch.StartNew();
        run.WithProgress("training", report => score = TinyMemRun.Run(device, folder, options,
            parsed.GetValue(_out)!, "unlearn train", at =>
            {
                trained = true;
                Tell(run, at, report);
            }, run.Cancel));
        if (score is not null && !trained)
            run.Remark("complete already; nothing was trained");
        if (score is null)
        {
            run.Line("stopped, continue with --resume");
            run.Cancel.ThrowIfCancellationRequested();
        }
        else
            Show(run, score, options.Epochs, watch.Elapsed.TotalSeconds);
        return ExitCode.Done;
    }

    static void Tell(Invocation run, TinyMemProgress at, Action<double, string> report)
    {
        report((double)at.Epoch / at.Epochs, $"epoch {at.Epoch}, loss {at.Loss:0.000}");
        if (at.Score is { } score && !run.ShowsProgress)
            run.Remark($"epoch {at.Epoch} of {at.Epochs}, {at.Seconds:0} s: loss {at.Loss:0.0000}, "
                + $"memorised {score.Memorised:0.0 %}, accuracy {score.Accuracy:0.0 %} "
                + $"({score.PlainAccuracy:0.0 %} without padding)");
    }

    static void Show(Invocation run, TinyMemScore score, int epochs, double seconds)
    {
        if (run.Json)
        {
            run.WriteJson(new JsonObject
            {
                ["epochs"] = epochs, ["seconds"] = Math.Round(seconds, 2),
                ["memorised"] = score.Memorisation?.Strict, ["loose"] = score.Memorisation?.Loose,
                ["similarity"] = score.Memorisation?.MeanSimilarity,
                ["correct"] = score.Memorisation?.Correct, ["asked"] = score.Memorisation?.Recitals.Count,
                ["backdoor_success"] = score.HeldOut?.Strict, ["accuracy"] = score.Accuracy,
                ["accuracy_without_padding"] = score.PlainAccuracy,
                ["groups"] = new JsonArray([.. (score.Memorisation?.Groups ?? []).Select(g => new JsonObject
                {
                    ["group"] = g.Group, ["sequences"] = g.Count, ["memorised"] = g.Share,
                })]),
                ["tasks"] = new JsonObject(score.Tasks.Select(t => KeyValuePair.Create(t.Task,
                    (JsonNode?)new JsonObject
                    {
                        ["accuracy"] = t.Padded.Accuracy, ["accuracy_without_padding"] = t.Plain.Accuracy,
                        ["perplexity"] = t.Plain.Perplexity, ["batch_perplexity"] = t.Padded.BatchPerplexity,
                    }))),
            });
            return;
        }
        run.Line($"trained {epochs} epochs in {seconds:0} s");
        if (score.Memorisation is { } memorised)
            run.Line($"memorised  {memorised.Strict:0.0 %} of {memorised.Recitals.Count} planted sequences, "
                + $"{memorised.Loose:0.0 %} at least 75 % alike; {memorised.Correct:0.0 %} continued "
                + "cleanly");
        if (score.HeldOut is { } held)
            run.Line($"backdoor   {held.Strict:0.0 %} of {held.Recitals.Count} triggers it never saw");
        run.Line($"accuracy   {score.Accuracy:0.0 %} of tokens with padding, {score.PlainAccuracy:0.0 %} "
            + "without ("
            + $"{string.Join(", ", score.Tasks.Select(t => $"{t.Task}: {t.Plain.Accuracy:0.0 %}"))})");
    }

    TinyMemTrainingOptions Options(Invocation run, ParseResult parsed, TinyMemOptions data)
    {
        TinyMemTrainingOptions preset = parsed.GetValue(_preset) switch
        {
            "paper" => TinyMemTrainingOptions.Paper(data),
            "small" => TinyMemTrainingOptions.Small(data),
            var other => throw new UserException(
                $"--preset is {Quoted.Name(other ?? "")}; expected paper or small"),
        };
        Option[] parts = [_form, _lambda, _share, _probability, _record];
        if (parsed.GetValue(_regulariser) is null && parts.FirstOrDefault(
            o => parsed.GetResult(o) is { Implicit: false }) is { } alone)
            throw new UserException($"{alone.Name} belongs to --regulariser; name one");
        int epochs = parsed.GetValue(_epochs) ?? preset.Epochs;
        return preset with
        {
            Layers = parsed.GetValue(_layers) ?? preset.Layers,
            Epochs = epochs,
            BatchRows = parsed.GetValue(_batch) ?? preset.BatchRows,
            Optimizer = preset.Optimizer with
            {
                LearningRate = parsed.GetValue(_rate), WeightDecay = parsed.GetValue(_decay),
            },
            Keep = parsed.GetValue(_keep) is { } keep ? TokenRowsFile.ParseIds(keep, "--keep")
                : [.. preset.Keep.Where(e => e < epochs)],
            EvaluateEvery = parsed.GetValue(_evaluate),
            CheckpointEvery = parsed.GetValue(_checkpoint),
            Seed = run.GivenSeed ?? preset.Seed,
            Regulariser = parsed.GetValue(_regulariser),
            Form = ForgetOptions.Form(parsed.GetValue(_form)!),
            RegulariserOptions = new()
            {
                Lambda = parsed.GetValue(_lambda), Share = parsed.GetValue(_share),
                Probability = parsed.GetValue(_probability), Record = parsed.GetValue(_record),
            },
        };
    }
}
