using System.CommandLine;
using System.Globalization;
using HeadTap.Inject;
using HeadTap.Runtime;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary>
/// <c>inject sweep</c>: injects into every pair of a data set at every layer and magnitude.
/// </summary>
sealed class InjectSweepCommand
{
    readonly PairOptions _pairs = new();
    readonly GridOptions _grid = new();
    readonly Option<string> _out = new PathOption<string>("--out", PathUse.WritesFolder)
    {
        Description = "the folder of the results; the same call again goes on where it stopped",
        HelpName = "DIR", Required = true,
    };
    readonly Option<int> _drill = GlobalOptions.Number("--report-prompts", 40,
        "pairs the report shows one by one: those that gain and lose most");

    internal static Command Create(GlobalOptions global) => new InjectSweepCommand().Make(global, Run);

    /// <summary>The same options for <c>sweep plan</c>.</summary>
    internal static Command CreatePlan(GlobalOptions global)
        => new InjectSweepCommand().Make(global, SweepPlanCommand.Run);

    Command Make(GlobalOptions global, Func<Invocation, InjectSweepOptions, int> run)
    {
        var command = new Command("sweep",
            "Every pair of a data set at every layer and magnitude: grid, heat maps, each cell");
        _pairs.AddTo(command);
        _grid.AddTo(command);
        command.Options.Add(_out);
        command.Options.Add(_drill);
        command.SetAction(parsed => run(global.Of(parsed), new InjectSweepOptions
        {
            Pairs = _pairs.Read(parsed),
            Grid = _grid.Read(parsed),
            Out = parsed.GetValue(_out)!,
            ReportPrompts = parsed.GetValue(_drill),
        }));
        return command;
    }

    static int Run(Invocation run, InjectSweepOptions options)
    {
        // The speed is printed after the result, as the last line.
        string? speed = null;
        InjectSweepResult result = run.RunJob(context => InjectSweepJob.Run(options, context with
        {
            Remark = text => speed = text,
        }));
        Show(run, result);
        if (speed is not null)
            run.Remark(speed);
        return ExitCode.Done;
    }

    /// <summary>Prints a result.</summary>
    internal static void Show(Invocation run, InjectSweepResult result)
    {
        if (run.Json)
            run.WriteJson(result, InjectJobsJson.Default.InjectSweepResult);
        else
            Print(run, result.Summary!);
    }

    static void Print(Invocation run, SweepSummary summary)
    {
        run.Line($"{Counted.Of(summary.Rows.Count, "pair")}, {Counted.Of(summary.Cells.Count, "cell")} "
            + "each; mean p of the answer: "
            + $"single-hop {summary.ExplicitProbability:P2}, multi-hop {summary.Probability:P2}");
        Table table = Invocation.Table("best by", "encoder", "positions", "layer", "tau", "trimmed mean",
            "median", "mean p", "mean p after", "to rank 1", "from rank 1");
        foreach (SweepChoice choice in SweepSummary.Choices)
        {
            CellSummary best = summary.Best(choice);
            Invocation.Row(table, choice.Name.Replace('_', ' '), SweptCell.Word(best.Cell.Encoder),
                SweptCell.Word(best.Cell.Positions), $"{best.Cell.Layer}",
                best.Cell.Tau.ToString(CultureInfo.InvariantCulture), SignedPercent.Of(best.Gain.TrimmedMean),
                SignedPercent.Of(best.Gain.Median), SignedPercent.Of(best.Gain.ProbabilityChange),
                $"{best.Gain.MeanAfter:P2}", $"{best.Repaired}", $"{best.Broken}");
        }
        run.Draw(table);
    }
}
