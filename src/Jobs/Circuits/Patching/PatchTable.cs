using System.Globalization;
using System.Text;
using System.Text.Json;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Writes the cells of patching, one a row: .csv, or .jsonl.</summary>
static class PatchTable
{
    /// <summary>Checks the ending of a table's name.</summary>
    /// <exception cref="UserException">It is neither .csv nor .jsonl.</exception>
    internal static void RequireName(string? path)
    {
        if (path is not null && Path.GetExtension(path) is not (".csv" or ".jsonl"))
            throw new UserException($"{Field.Of(nameof(PatchOptions.Table))} is {Quoted.Path(path)}; "
                + "expected a name that ends in .csv or .jsonl");
    }

    /// <summary>Writes the table.</summary>
    /// <exception cref="UserException">The place cannot be written.</exception>
    internal static void Write(string path, PatchResult result)
    {
        bool csv = Path.GetExtension(path) == ".csv";
        var text = new StringBuilder(csv ? "layer,position,head,neuron,value,share,low,high\n" : "");
        var line = new PatchJson(new JsonSerializerOptions(PatchJson.Default.Options)
        {
            WriteIndented = false,
        });
        foreach (PatchCellResult cell in result.Cells)
            text.Append(csv ? string.Join(',', ((double?[])[cell.Layer, cell.Position, cell.Head, cell.Neuron,
                cell.Value, cell.Share, cell.Low, cell.High]).Select(Number))
                : JsonSerializer.Serialize(cell, line.PatchCellResult)).Append('\n');
        AtomicFile.WriteText(path, text.ToString());
    }

    static string Number(double? value)
        => value is { } v && double.IsFinite(v) ? v.ToString("R", CultureInfo.InvariantCulture) : "";
}
