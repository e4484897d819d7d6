using System.CommandLine;
using System.Globalization;
using HeadTap.Inject;
using HeadTap.Runtime;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary>
/// <c>inject evaluate</c>: chooses the best cell on one split and measures it on another, in comparison with
/// random memories.
/// </summary>
sealed class InjectEvaluateCommand
{
    readonly PairOptions _pairs = new();
    readonly GridOptions _grid = new();
    readonly Option<string> _choose = Split("--choose", "validation", "the split that chooses the cell");
    readonly Option<string> _measure = Split("--measure", "test", "the split that it is measured on");
    readonly Option<string> _by = new("--by")
    {
        Description = "what the chosen cell is best at: trimmed_mean, median or mean_probability",
        DefaultValueFactory = _ => "mean_probability",
    };
    readonly Option<int> _draws = GlobalOptions.Number("--draws", 5, "random memories of each kind a pair");
    readonly Option<string?> _out = new PathOption<string?>("--out", PathUse.WritesFile)
    {
        Description = "writes the result as JSON, with a manifest beside it", HelpName = "F.json",
    };

    internal static Command Create(GlobalOptions global) => new InjectEvaluateCommand().Make(global);

    Command Make(GlobalOptions global)
    {
        var command = new Command("evaluate",
            "Choose layer and magnitude on one split, measure on another, beside random memories");
        _pairs.AddTo(command);
        _grid.AddTo(command, cells: false);
        foreach (Option option in (Option[])[_choose, _measure, _by, _draws, _out])
            command.Options.Add(option);
        command.SetAction(parsed => Run(global.Of(parsed), parsed));
        return command;
    }

    int Run(Invocation run, ParseResult parsed)
    {
        var options = new InjectEvaluateOptions
        {
            Pairs = _pairs.Read(parsed),
            Grid = _grid.Read(parsed),
            Choose = parsed.GetValue(_choose)!,
            Measure = parsed.GetValue(_measure)!,
            By = parsed.GetValue(_by)!,
            Draws = parsed.GetValue(_draws),
            Out = parsed.GetValue(_out),
        };
        InjectEvaluateResult result = run.RunJob(context => InjectEvaluateJob.Run(options, context));
        if (run.Json)
            return run.WriteJson(result, InjectJobsJson.Default.InjectEvaluateResult);
        Print(run, result.Found!);
        return ExitCode.Done;
    }

    static Option<string> Split(string name, string absent, string description) => new(name)
    {
        Description = description, HelpName = "NAME", DefaultValueFactory = _ => absent,
    };

    static void Print(Invocation run, HeldOutInjection found)
    {
        SweepCell cell = found.Chosen.Cell;
        int n = found.Probability.Length;
        run.Line($"chosen: encoder {SweptCell.Word(cell.Encoder)}, positions "
            + $"{SweptCell.Word(cell.Positions)}, layer {cell.Layer}, tau "
            + cell.Tau.ToString(CultureInfo.InvariantCulture));
        run.Line($"measured on {Counted.Of(n, "pair")}: p of the answer single-hop "
            + $"{found.ExplicitProbability:P2}, "
            + $"multi-hop {found.Probability.Average():P2}; {Counted.Of(found.First, "answer")} "
            + $"{Counted.Verb(found.First, "is", "are")} the most probable token");
        Table table = Invocation.Table("memory", "p after", "trimmed mean", "median", "mean p", "to rank 1",
            "from rank 1");
        foreach (MemoryOutcome o in found.Outcomes)
            Invocation.Row(table, o.Name,
                $"{o.MeanAfter.Value:P1} ({o.MeanAfter.Interval.Low:P1} to {o.MeanAfter.Interval.High:P1})",
                Change(o.TrimmedMean), Change(o.Median), Change(o.ProbabilityChange),
                $"{o.Repaired:0.#}", $"{o.Broken:0.#}");
        run.Draw(table);
        run.Remark("changes in percent, with the 95 % interval of a bootstrap over bridges; random memories "
            + "have the length of the pair's own");
    }

    static string Change(Estimate e) => $"{SignedPercent.Of(e.Value)} ({SignedPercent.Of(e.Interval.Low)} to "
        + $"{SignedPercent.Of(e.Interval.High)})";
}
