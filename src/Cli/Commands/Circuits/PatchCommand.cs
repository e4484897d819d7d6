using System.CommandLine;
using System.Globalization;
using HeadTap.Runtime;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary><c>patch</c>: puts values of one run into another and measures the answer.</summary>
sealed class PatchCommand
{
    const int Listed = 20;

    readonly ContrastOptions _contrast = new(files: true);
    readonly Option<string> _at = new("--at")
    {
        Description = "the site: resid_pre, resid_mid, resid_post, attn_out, mlp_out, z, result, pattern, q, "
            + "k, v, mlp_pre or mlp_post",
        DefaultValueFactory = _ => "resid_pre", HelpName = "SITE",
    };
    readonly Option<string?> _by = Text("--by", "AXIS",
        "a cell for each layer, position, head, head-position or neuron (position; heads of z and the like)");
    readonly Option<string?> _metric = Text("--metric", "NAME",
        "logit-diff, logprob, kl or rank (logit-diff with a wrong answer, else logprob)");
    readonly Option<string> _direction = new("--direction")
    {
        Description = "denoise (clean values into the corrupted run) or noise (the other way round)",
        DefaultValueFactory = _ => "denoise", HelpName = "WAY",
    };
    readonly Option<string?> _layers = Text("--layers", "0-3,6", "layers (all)");
    readonly Option<string?> _positions = Text("--positions", "0-3,-1",
        "positions of the patched run; together where a cell has none (all)");
    readonly Option<string?> _neurons = Text("--neurons", "5,30-40", "neurons of each layer (all)");
    readonly Option<string?> _noise = Text("--noise-positions", "1-3",
        "corrupt the clean prompt by noise on the embeddings of these positions");
    readonly Option<double?> _scale = GlobalOptions.OptionalNumber<double>("--noise-scale",
        "deviation of the noise, in deviations of the token embedding (3)");
    readonly Option<string?> _resample = new PathOption<string?>("--resample", PathUse.Reads)
    {
        Description = "draw corrupted prompts of the clean one's length from a file of prompts: .json with "
            + "lists of ids, or as --text-file of other verbs",
        HelpName = "F",
    };
    readonly Option<int?> _samples = GlobalOptions.OptionalNumber<int>("--samples",
        "noisy or drawn runs of a pair to take the mean of (10)");
    readonly Option<string?> _align = Text("--align", "0-0,1-2",
        "pairs of positions, clean-corrupt, for prompts of different length");
    readonly Option<bool> _fromEnd = new("--from-end")
    {
        Description = "count positions of cells from the end, for pairs of different length",
    };
    readonly Option<string?> _from = Text("--from", "SENDERS",
        "patch paths: heads, mlps, or sites such as blocks.3.attn.hook_z:2,blocks.4.hook_mlp_out together");
    readonly Option<string?> _to = Text("--to", "RECEIVERS",
        "where the paths end: blocks.5.attn.hook_q:1 (or k, v), blocks.5.ln2.hook_normalized, final");
    readonly Option<string?> _freeze = Text("--freeze", "WHAT",
        "what keeps its values along a path: all (the direct effect), or heads (paths go through MLPs)");
    readonly Option<int?> _batchRows = GlobalOptions.OptionalNumber<int>("--batch-rows",
        "most cells of a pass (as many as are fast)");
    readonly Option<string?> _out = Path("--out", "REPORT.html", "a page with a map");
    readonly Option<string?> _svg = Path("--svg", "F.svg", "the map alone");
    readonly Option<string?> _table = Path("--table", "F.csv|F.jsonl", "a row for each cell");

    internal static Command Create(GlobalOptions global) => new PatchCommand().Make(global);

    Command Make(GlobalOptions global)
    {
        var command = new Command("patch", "Put values of a clean run into a corrupted one, cell by cell, "
            + "and see where the answer comes back");
        _contrast.AddTo(command);
        foreach (Option option in (Option[])[_at, _by, _metric, _direction, _layers, _positions, _neurons,
            _noise, _scale, _resample, _samples, _align, _fromEnd, _from, _to, _freeze, _batchRows, _out,
            _svg, _table])
            command.Options.Add(option);
        command.SetAction(parsed => Run(global.Of(parsed), Read(parsed)));
        return command;
    }

    PatchOptions Read(ParseResult parsed) => new()
    {
        Contrast = _contrast.Read(parsed),
        At = parsed.GetValue(_at)!,
        By = parsed.GetValue(_by),
        Metric = parsed.GetValue(_metric),
        Direction = parsed.GetValue(_direction)!,
        Layers = parsed.GetValue(_layers),
        Positions = parsed.GetValue(_positions),
        Neurons = parsed.GetValue(_neurons),
        NoisePositions = parsed.GetValue(_noise),
        NoiseScale = parsed.GetValue(_scale),
        Resample = parsed.GetValue(_resample),
        Samples = parsed.GetValue(_samples),
        Align = parsed.GetValue(_align),
        FromEnd = parsed.GetValue(_fromEnd),
        From = parsed.GetValue(_from),
        To = parsed.GetValue(_to),
        Freeze = parsed.GetValue(_freeze),
        BatchRows = parsed.GetValue(_batchRows),
        Out = parsed.GetValue(_out),
        Svg = parsed.GetValue(_svg),
        Table = parsed.GetValue(_table),
    };

    static int Run(Invocation run, PatchOptions options)
    {
        PatchResult result = run.RunJob(context => PatchJob.Run(options, context));
        if (run.Json)
            run.WriteJson(result, PatchJson.Default.PatchResult);
        else
            Print(run, result);
        foreach (string written in new[] { options.Out, options.Svg, options.Table }.OfType<string>())
            run.Remark($"written: {written}");
        return ExitCode.Done;
    }

    static void Print(Invocation run, PatchResult result)
    {
        run.Line($"clean     {result.Metric} {Number(result.Clean)}");
        run.Line($"corrupt   {result.Metric} {Number(result.Corrupt)}");
        string what = result.At == "path" ? $"paths from {result.From} to {result.To}" : result.At,
            way = result.Direction == "denoise" ? "clean run in the corrupted" : "corrupted run in the clean";
        run.Line($"patched   {what} of the {way} one, {Counted.Of(result.Pairs, "pair")}");
        if (result.By is "position" or "head" or "layer")
            Grid(run, result);
        else
            List(run, result);
    }

    // A row for each layer, a column for each position or head.
    static void Grid(Invocation run, PatchResult result)
    {
        static int? Column(PatchCellResult cell) => cell.Position ?? cell.Head;
        int?[] columns = [.. result.Cells.Select(Column).Distinct().Order()];
        Table table = Invocation.Table([result.Metric, .. columns.Select(c => c is not { } at ? "all"
            : result.By == "head" ? $"head {at}" : PositionName.Of(at, result.Texts))]);
        foreach (IGrouping<int, PatchCellResult> layer in result.Cells.GroupBy(cell => cell.Layer))
            Invocation.Row(table, [$"layer {layer.Key}", .. columns.Select(column
                => layer.FirstOrDefault(cell => Column(cell) == column) is { } cell ? Number(cell.Value)
                    : "")]);
        run.Draw(table);
    }

    static void List(Invocation run, PatchResult result)
    {
        Table table = Invocation.Table("cell", "layer", "head", "neuron", "position", result.Metric, "share");
        foreach ((int at, PatchCellResult cell) in result.Largest(Listed).Index())
            Invocation.Row(table, $"{at + 1}", $"{cell.Layer}", $"{cell.Head}", $"{cell.Neuron}",
                $"{cell.Position}", Number(cell.Value),
                double.IsFinite(cell.Share) ? cell.Share.ToString("P0", CultureInfo.InvariantCulture) : "");
        run.Draw(table);
        if (result.Cells.Count > Listed)
            run.Remark($"the {Listed} that change most of {result.Cells.Count}; --table has all");
    }

    static string Number(double value) => value.ToString("0.000", CultureInfo.InvariantCulture);

    static Option<string?> Text(string name, string help, string description)
        => new(name) { Description = description, HelpName = help };

    static PathOption<string?> Path(string name, string help, string description)
        => new(name, PathUse.WritesFile) { Description = description, HelpName = help };
}
