using System.CommandLine;
using System.Globalization;
using HeadTap.Runtime;
using HeadTap.Unlearn;

namespace HeadTap.Cli;

/// <summary><c>unlearn train</c>: trains a TinyMem model on a TinyMem data set.</summary>
sealed class UnlearnTrainCommand
{
    readonly Option<string> _data = new PathOption<string>("--data", PathUse.Reads)
    {
        Description = "a folder that unlearn data wrote", HelpName = "DIR", Required = true,
    };
    readonly Option<string> _preset =
        UnlearnCommand.Word("--preset", "small", "paper (published epochs and batch) or small");
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
    readonly Option<string> _form = UnlearnCommand.Word("--form", "corrected",
        "of --regulariser: corrected, or reference (as the published code computes it)");
    readonly (MethodOption Declared, Option Flag, Func<ParseResult, double?> Value)[] _parts =
        [.. RegulariserCatalog.All.SelectMany(r => r.Options).DistinctBy(o => o.Name).Select(Part)];
    readonly Option<bool> _resume = new("--resume")
    {
        Description = "accepted; the same call goes on by itself",
    };
    readonly Option<string> _out = new PathOption<string>("--out", PathUse.WritesFolder)
    {
        Description = "gets the model, metrics and checkpoint", HelpName = "DIR", Required = true,
    };

    internal static Command Create(GlobalOptions global) => new UnlearnTrainCommand().Make(global);

    static Option<int?> Number(string name, string description) => new(name)
    {
        Description = $"{description}; the preset's unless given", HelpName = "N",
    };

    Command Make(GlobalOptions global)
    {
        var command = new Command("train",
            "Train a TinyMem model; Ctrl-C saves a checkpoint behind the current epoch");
        foreach (Option option in (Option[])[_data, _preset, _layers, _epochs, _batch, _rate, _decay, _keep,
            _evaluate, _checkpoint, _regulariser, _form, .. _parts.Select(p => p.Flag), _out, _resume])
            command.Options.Add(option);
        command.SetAction(parsed => Run(global.Of(parsed), parsed));
        return command;
    }

    int Run(Invocation run, ParseResult parsed)
    {
        UnlearnTrainResult? result = run.RunJob(context => UnlearnTrainJob.Run(Options(parsed), context));
        if (result is null)
        {
            run.Line("stopped, the same call goes on");
            run.Cancel.ThrowIfCancellationRequested();
        }
        else if (run.Json)
            return run.WriteJson(result, UnlearnJobsJson.Default.UnlearnTrainResult);
        else
            Print(run, result);
        return ExitCode.Done;
    }

    static void Print(Invocation run, UnlearnTrainResult result)
    {
        TinyMemScore score = result.Score;
        run.Line($"trained {Counted.Of(result.Epochs, "epoch")} in {result.Elapsed.TotalSeconds:0} s");
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

    UnlearnTrainOptions Options(ParseResult parsed) => new()
    {
        Data = parsed.GetValue(_data)!,
        Preset = parsed.GetValue(_preset)!,
        Layers = parsed.GetValue(_layers),
        Epochs = parsed.GetValue(_epochs),
        BatchRows = parsed.GetValue(_batch),
        LearningRate = parsed.GetValue(_rate),
        WeightDecay = parsed.GetValue(_decay),
        Keep = parsed.GetValue(_keep) is { } keep ? Epochs(keep) : null,
        EvaluateEvery = parsed.GetValue(_evaluate),
        CheckpointEvery = parsed.GetValue(_checkpoint),
        Regulariser = parsed.GetValue(_regulariser),
        Form = parsed.GetResult(_form) is { Implicit: false } ? parsed.GetValue(_form) : null,
        RegulariserOptions = _parts.Aggregate(new MethodSettings(), (settings, part) =>
            part.Value(parsed) is { } value ? settings.With(part.Declared.Name, value) : settings),
        Out = parsed.GetValue(_out)!,
    };

    static int[] Epochs(string keep) => string.IsNullOrWhiteSpace(keep) ? [] : [.. keep.Split(',').Select(
        word => int.TryParse(word, NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite,
            CultureInfo.InvariantCulture, out int epoch) ? epoch : throw new UserException(
            $"--keep has {Quoted.Name(word)}; expected epochs with commas between, like 1,10"))];

    // One flag per option name that a regulariser declares.
    static (MethodOption Declared, Option Flag, Func<ParseResult, double?> Value) Part(MethodOption declared)
    {
        string name = MethodFlags.FlagOf(declared.Name),
            description = MethodFlags.Describe(declared.Name, RegulariserCatalog.All);
        if (declared.IsWhole)
        {
            Option<int?> whole = new(name) { Description = description, HelpName = "N" };
            return (declared, whole, parsed => parsed.GetValue(whole));
        }
        Option<float?> number = new(name) { Description = description, HelpName = "N" };
        return (declared, number, parsed => parsed.GetValue(number));
    }
}
