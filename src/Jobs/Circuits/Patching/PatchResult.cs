using System.Text.Json.Serialization;
using HeadTap.Circuits;

namespace HeadTap.Jobs;

/// <summary>The metric with one cell patched, over all pairs.</summary>
/// <param name="Layer">Layer, from 0.</param>
/// <param name="Position">Position in the patched run, from 0, or from the end; null for all
/// together.</param>
/// <param name="Head">Head, from 0; null for whole rows.</param>
/// <param name="Neuron">Neuron, from 0; null for whole rows.</param>
/// <param name="Value">The metric; the mean over pairs.</param>
/// <param name="Share">Share of the way from the patched run's metric to the other run's.</param>
/// <param name="Low">Lower end of the value's interval over pairs; null for one pair.</param>
/// <param name="High">Upper end of it.</param>
public sealed record PatchCellResult(int Layer,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? Position,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? Head,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? Neuron,
    double Value, double Share,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? Low,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? High)
{
    internal static PatchCellResult Of(PatchEffect effect) => new(effect.Cell.Layer, effect.Cell.Position,
        effect.Cell.Head, effect.Cell.Neuron, effect.Value, effect.Share,
        double.IsNaN(effect.Spread.Low) ? null : effect.Spread.Low,
        double.IsNaN(effect.Spread.High) ? null : effect.Spread.High);
}

/// <summary>The result of <see cref="PatchJob"/>.</summary>
/// <param name="ModelHash">Hash of the model's folder.</param>
/// <param name="At">Site that was patched; path for path patching.</param>
/// <param name="By">What a cell is.</param>
/// <param name="Metric">What was measured at the last token.</param>
/// <param name="Direction">denoise or noise.</param>
/// <param name="Corruption">prompt, noise or resample.</param>
/// <param name="Samples">Corrupted runs of a pair whose mean was taken.</param>
/// <param name="Pairs">Number of pairs.</param>
/// <param name="Clean">The metric of the clean run; the mean over pairs.</param>
/// <param name="Corrupt">The metric of the corrupted run; the mean over pairs and samples.</param>
/// <param name="Cells">Values by cell, in the order of layers.</param>
public sealed record PatchResult(string ModelHash, string At, string By, string Metric, string Direction,
    string Corruption, int Samples, int Pairs, double Clean, double Corrupt,
    IReadOnlyList<PatchCellResult> Cells)
{
    /// <summary>Senders of paths, as the caller named them.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? From { get; init; }

    /// <summary>Receivers of paths, as the caller named them.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? To { get; init; }

    /// <summary>Token ids of the patched run's prompt; null for several pairs or prompts.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<int>? Tokens { get; init; }

    /// <summary>The same as text.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<string>? Texts { get; init; }

    /// <summary>Token id before each prompt; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Bos { get; init; }

    /// <summary>The metric of the run that is patched.</summary>
    [JsonIgnore]
    public double Base => Direction == "denoise" ? Corrupt : Clean;

    /// <summary>Cells whose patch changes the metric most, ties in their order.</summary>
    /// <param name="count">Most cells to return.</param>
    public IEnumerable<PatchCellResult> Largest(int count)
        => Cells.OrderByDescending(cell => Math.Abs(cell.Value - Base)).Take(count);
}

/// <summary>JSON serialisation of the result of patching.</summary>
[JsonSourceGenerationOptions(WriteIndented = true,
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, Converters = [typeof(JsonNumberConverter)])]
[JsonSerializable(typeof(PatchResult))]
[JsonSerializable(typeof(PatchCellResult))]
public sealed partial class PatchJson : JsonSerializerContext;
