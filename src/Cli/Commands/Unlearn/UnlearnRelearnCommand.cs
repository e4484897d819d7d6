using System.CommandLine;
using HeadTap.Runtime;

namespace HeadTap.Cli;

/// <summary>
/// <c>unlearn relearn</c>: measures how many fine-tuning steps bring forgotten sequences back.
/// </summary>
sealed class UnlearnRelearnCommand
{
    readonly Option<string> _model = PromptOptions.ModelOption(required: true);
    readonly Option<string> _sequences = new PathOption<string>("--sequences", PathUse.Reads)
    {
        Description = "the sequences that were forgotten", HelpName = "F.jsonl", Required = true,
    };
    readonly Option<string?> _train = new PathOption<string?>("--train", PathUse.Reads)
    {
        Description = "rows to train on; the sequences themselves unless given", HelpName = "F.jsonl",
    };
    readonly RecitalOptions _recital = new();
    readonly Option<int> _steps = GlobalOptions.Number("--steps", 64, "of 8 rows");
    readonly Option<float> _rate = GlobalOptions.Number("--learning-rate", 1e-4f, "AdamW's");
    readonly Option<string?> _out = new PathOption<string?>("--out", PathUse.WritesFolder)
    {
        Description = "gets measurements and a checkpoint; the same call again goes on where it stopped",
        HelpName = "DIR",
    };

    internal static Command Create(GlobalOptions global) => new UnlearnRelearnCommand().Make(global);

    Command Make(GlobalOptions global)
    {
        var command = new Command("relearn",
            "Fine-tune a copy of a model and count the steps after which it recites forgotten sequences");
        foreach (Option option in (Option[])[_model, _sequences, _train, _steps, _rate, _out])
            command.Options.Add(option);
        _recital.AddTo(command);
        command.SetAction(parsed => Run(global.Of(parsed), parsed));
        return command;
    }

    int Run(Invocation run, ParseResult parsed)
    {
        var options = new UnlearnRelearnOptions
        {
            Model = parsed.GetValue(_model)!, Sequences = parsed.GetValue(_sequences)!,
            Train = parsed.GetValue(_train), Steps = parsed.GetValue(_steps),
            LearningRate = parsed.GetValue(_rate), Recital = _recital.Read(parsed),
            Out = parsed.GetValue(_out),
        };
        UnlearnRelearnResult result = run.RunJob(context => UnlearnRelearnJob.Run(options, context));
        if (run.Json)
            return run.WriteJson(result, UnlearnJobsJson.Default.UnlearnRelearnResult);
        foreach (RelearnedStep at in result.Steps)
            run.Line($"{Counted.Of(at.Steps, "step"),11}  {at.Memorised,6:0.0 %} recited, "
                + $"{at.Loose,6:0.0 %} loosely, mean similarity {at.Similarity:0.000}");
        run.Line(result.FirstBackAt is { } first ? $"the first came back within {Counted.Of(first, "step")}"
            : result.Steps is [{ Memorised: > 0 }, ..] ? "they were not all forgotten before the first step"
            : "none came back");
        return ExitCode.Done;
    }
}
