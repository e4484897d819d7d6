using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using HeadTap.Inject;
using HeadTap.Jobs;
using HeadTap.Runtime;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary><c>inject sweep</c>: every pair of a data set at every layer and magnitude.</summary>
sealed class InjectSweepCommand
{
    readonly PairOptions _pairs = new();
    readonly GridOptions _grid = new();
    readonly Option<string> _out = new("--out")
    {
        Description = "the folder of the results; the same call again goes on where it stopped",
        HelpName = "DIR", Required = true,
    };
    readonly Option<int> _drill = GlobalOptions.Number("--report-prompts", 40,
        "pairs the report shows one by one: those that gain and lose most");

    internal static Command Create(GlobalOptions global) => new InjectSweepCommand().Make(global);

    Command Make(GlobalOptions global)
    {
        var command = new Command("sweep",
            "Every pair of a data set at every layer and magnitude: grid, heat maps, each cell");
        _pairs.AddTo(command);
        _grid.AddTo(command);
        command.Options.Add(_out);
        command.Options.Add(_drill);
        command.SetAction(parsed => Run(global.Of(parsed), parsed));
        return command;
    }

    int Run(Invocation run, ParseResult parsed)
    {
        PairData data = _pairs.Read(parsed);
        SweepGrid grid = _grid.Read(parsed, data.Config);
        string folder = parsed.GetValue(_out)!;
        int drill = parsed.GetValue(_drill);
        if (drill < 0)
            throw new UserException($"--report-prompts is {drill}; expected 0 or more");
        data.RequireFor(grid);
        SweepFolder.RequirePlace(folder);
        using ComputeDevice device = run.OpenDevice();
        using LoadedModel loaded = data.Open(run, device);
        using var sweep = new InjectionSweep(loaded.Model, grid, EncodedPair.LongestPrompt(data.Pairs));
        if (!Directory.Exists(folder))
            sweep.Run(data.Pairs[0]); // a magnitude that overflows is told before anything is written
        using SweepFolder results = SweepFolder.Open(folder, grid,
            data.Manifest("inject sweep", Options(parsed, data, grid), device));
        var watch = Stopwatch.StartNew();
        int before = results.Done;
        Sweep(run, data, sweep, results);
        TimeSpan time = watch.Elapsed;
        SweepSummary summary = SweepSummary.Of(grid, results.Read());
        summary.SaveGrid(Path.Combine(folder, "grid.csv"));
        SweepCost cost = SweepCost.Of(
            data.Config, grid, data.Pairs.Select(p => (p.Explicit.Length, p.Obscure.Length)));
        new SweepReport(summary, cost, Title(data)).Save(Path.Combine(folder, "report.html"), drill);
        Print(run, data, summary, cost);
        long cells = (long)(results.Done - before) * grid.Cells.Count;
        if (cells == 0)
            run.Remark("complete already; nothing was computed");
        else
            run.Remark($"{cells} cells in {time.TotalSeconds:0.0} s, {cells / time.TotalSeconds:0} a second; "
                + $"{Path.Combine(folder, "report.html")}");
        return ExitCode.Done;
    }

    static void Sweep(Invocation run, PairData data, InjectionSweep sweep, SweepFolder results)
    {
        run.WithProgress("injecting", report =>
        {
            foreach (EncodedPair pair in data.Pairs.Skip(results.Done))
            {
                run.Cancel.ThrowIfCancellationRequested();
                results.Add(pair, sweep.Run(pair));
                report((double)results.Done / data.Pairs.Count, $"{results.Done} of {data.Pairs.Count}");
            }
        });
    }

    static string Title(PairData data)
        => $"{Path.GetFileName(Path.TrimEndingDirectorySeparator(data.Folder))} on "
            + Path.GetFileName(data.File);

    JsonObject Options(ParseResult parsed, PairData data, SweepGrid grid)
    {
        JsonObject options = _pairs.Json(parsed);
        GridOptions.AddTo(options, grid);
        options["bos_token"] = data.Bos;
        return options;
    }

    static void Print(Invocation run, PairData data, SweepSummary summary, SweepCost cost)
    {
        if (run.Json)
        {
            run.WriteJson(new JsonObject
            {
                ["pairs"] = summary.Rows.Count,
                ["cells"] = summary.Cells.Count,
                ["p_explicit"] = summary.ExplicitProbability,
                ["p_obscure"] = summary.Probability,
                ["arithmetic_saved"] = cost.Saved,
                ["best"] = new JsonObject(SweepSummary.Choices.Select(choice =>
                    KeyValuePair.Create<string, JsonNode?>(choice.Name, Json(summary.Best(choice))))),
            });
            return;
        }
        run.Line($"{summary.Rows.Count} pairs, {summary.Cells.Count} cells each; mean p of the answer: "
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

    static JsonObject Json(CellSummary c) => new()
    {
        ["encoder"] = SweptCell.Word(c.Cell.Encoder),
        ["position"] = SweptCell.Word(c.Cell.Positions),
        ["layer"] = c.Cell.Layer,
        ["tau"] = c.Cell.Tau,
        ["trimmed_mean_percent"] = JsonNumber.Of(c.Gain.TrimmedMean),
        ["median_percent"] = JsonNumber.Of(c.Gain.Median),
        ["mean_probability_change_percent"] = JsonNumber.Of(c.Gain.ProbabilityChange),
        ["mean_p_after"] = JsonNumber.Of(c.Gain.MeanAfter),
        ["repaired"] = c.Repaired,
        ["broken"] = c.Broken,
    };
}
