using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using HeadTap.Inject;
using HeadTap.Models;
using HeadTap.Runtime;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary>
/// <c>inject evaluate</c>: the best cell of one part of the data, measured on another, beside random
/// memories.
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
    readonly Option<string?> _out = new("--out")
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
        PairData data = _pairs.Read(parsed);
        SweepGrid grid = _grid.Read(parsed, data.Config);
        string by = parsed.GetValue(_by)!;
        int draws = parsed.GetValue(_draws);
        if (draws < 1)
            throw new UserException($"--draws is {draws}; expected 1 or more");
        SweepChoice choice = SweepSummary.Choices.FirstOrDefault(c => c.Name == by)
            ?? throw new UserException($"--by is {Quoted.Name(by)}; expected "
                + string.Join(", ", SweepSummary.Choices.Select(c => c.Name)));
        EncodedPair[] Part(Option<string> option) => data.Part(parsed.GetValue(option)!, option.Name);
        EncodedPair[] validation = Part(_choose), test = Part(_measure);
        if (parsed.GetValue(_choose) == parsed.GetValue(_measure))
            throw new UserException("--choose and --measure name one split; expected two");
        data.RequireFor(grid);
        HeldOutInjection.RequireEnough(validation, test, grid);
        string? file = parsed.GetValue(_out);
        if (file is not null)
            OutputFile.Require(file);
        using ComputeDevice device = run.OpenDevice();
        using LoadedModel loaded = data.Open(run, device);
        HeldOutInjection? found = null;
        run.WithProgress("injecting", report => found = HeldOutInjection.Run(loaded.Model, validation, test,
            new HeldOutOptions { Grid = grid, Choice = choice, Draws = draws, Seed = run.Seed }, share =>
            {
                run.Cancel.ThrowIfCancellationRequested();
                report(share, "");
            }));
        JsonObject json = Json(found!, validation.Length);
        if (file is not null)
        {
            AtomicFile.WriteText(file, json.ToJsonString(new() { WriteIndented = true }) + "\n");
            JsonObject options = _pairs.Json(parsed);
            GridOptions.AddTo(options, grid);
            (options["choose"], options["measure"]) = (parsed.GetValue(_choose), parsed.GetValue(_measure));
            (options["by"], options["draws"]) = (by, draws);
            (data.Manifest("inject evaluate", options, device) with { Seed = run.Seed }).WriteBeside(file);
        }
        if (run.Json)
            run.WriteJson(json);
        else
            Print(run, found!);
        return ExitCode.Done;
    }

    static Option<string> Split(string name, string absent, string description) => new(name)
    {
        Description = description, HelpName = "NAME", DefaultValueFactory = _ => absent,
    };

    static JsonObject Json(HeldOutInjection found, int validation) => new()
    {
        ["chosen_on"] = validation,
        ["measured_on"] = found.Probability.Length,
        ["encoder"] = SweptCell.Word(found.Chosen.Cell.Encoder),
        ["position"] = SweptCell.Word(found.Chosen.Cell.Positions),
        ["layer"] = found.Chosen.Cell.Layer,
        ["tau"] = found.Chosen.Cell.Tau,
        ["p_explicit"] = found.ExplicitProbability,
        ["p_before"] = found.Probability.Average(),
        ["rank_1_before"] = found.First,
        ["memories"] = new JsonArray([.. found.Outcomes.Select(o => new JsonObject
        {
            ["memory"] = o.Name,
            ["p_after"] = Json(o.MeanAfter),
            ["trimmed_mean_percent"] = Json(o.TrimmedMean),
            ["median_percent"] = Json(o.Median),
            ["mean_probability_change_percent"] = Json(o.ProbabilityChange),
            ["repaired"] = o.Repaired,
            ["broken"] = o.Broken,
        })]),
    };

    static JsonArray Json(Estimate e)
        => [JsonNumber.Of(e.Value), JsonNumber.Of(e.Interval.Low), JsonNumber.Of(e.Interval.High)];

    static void Print(Invocation run, HeldOutInjection found)
    {
        SweepCell cell = found.Chosen.Cell;
        int n = found.Probability.Length;
        run.Line($"chosen: encoder {SweptCell.Word(cell.Encoder)}, positions "
            + $"{SweptCell.Word(cell.Positions)}, layer {cell.Layer}, tau "
            + cell.Tau.ToString(CultureInfo.InvariantCulture));
        run.Line($"measured on {n} pairs: p of the answer single-hop {found.ExplicitProbability:P2}, "
            + $"multi-hop {found.Probability.Average():P2}; {found.First} answers are the most probable "
            + "token");
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
