using HeadTap.Reports;

namespace HeadTap.Jobs;

/// <summary>The map of a patching result, and the names of its rows and columns.</summary>
/// <param name="result">The result.</param>
sealed class PatchPicture(PatchResult result)
{
    /// <summary>How numbers of the metric are written.</summary>
    internal string Format => result.Metric == "rank" ? "0.#" : "0.000";

    /// <summary>What a cell of the map shows.</summary>
    internal string Shows => $"change of {result.Metric} from {Of(result.Base)}";

    /// <summary>Names a position: its number, and its token where one pair was run.</summary>
    internal string Position(int position) => PositionName.Of(position, result.Texts);

    /// <summary>Names a cell.</summary>
    internal string Name(PatchCellResult cell)
    {
        string place = cell.Head is { } head ? $"{cell.Layer}.{head}"
            : cell.Neuron is { } neuron ? $"layer {cell.Layer}, neuron {neuron}" : $"layer {cell.Layer}";
        return cell.Position is { } position ? $"{place} at {Position(position)}" : place;
    }

    /// <summary>Formats a value of the metric.</summary>
    internal string Of(double value) => NumberText.Of(value, Format);

    /// <summary>
    /// Draws the changes of all cells: layers below each other, positions or heads side by side; heads below
    /// each other where both are cells. Null for neurons and sets.
    /// </summary>
    internal string? Map()
    {
        if (result.By is "neuron" or "set")
            return null;
        (int Layer, int? Head)[] rows = [.. result.Cells.Select(Row).Distinct()];
        int?[] columns = [.. result.Cells.Select(Column).Distinct().Order()];
        var values = result.Cells.ToDictionary(cell => (Row(cell), Column(cell)),
            cell => cell.Value - result.Base);
        double Value(int r, int c) => values.GetValueOrDefault((rows[r], columns[c]), double.NaN);
        string[] names = [.. rows.Select(row
            => row.Head is { } h ? $"{row.Layer}.{h}" : $"layer {row.Layer}")];
        string title = $"{What}: {Shows}";
        if (result.By is "position" or "head-position")
            return SvgChart.ValueMap(title, names, [.. columns.Select(p => Position(p!.Value))], Value,
                $"+{Format};-{Format};0", new ChartAxes("position", result.By == "position" ? "" : "head"));
        return SvgChart.HeatMap(title, names,
            [.. columns.Select(h => h is { } head ? $"head {head}" : "all")], Value, "+0.00;-0.00;0.00");
    }

    /// <summary>What was patched, in a few words.</summary>
    internal string What => result.At == "path" ? $"paths from {result.From} to {result.To}"
        : $"{result.At} patched";

    (int, int?) Row(PatchCellResult cell)
        => (cell.Layer, result.By == "head-position" ? cell.Head : null);

    int? Column(PatchCellResult cell) => result.By == "head" ? cell.Head : cell.Position;
}
