using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using HeadTap.Unlearn;

namespace HeadTap.Jobs;

/// <summary>The best setting of each method on each checkpoint.</summary>
/// <param name="Checkpoints">Best settings by model.</param>
public sealed record UnlearnSweepResult(IReadOnlyList<SweptCheckpoint> Checkpoints) : ISweepResult
{
    /// <summary>Token id before each sequence; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Bos { get; init; }

    /// <summary>The selections, in the order of the checkpoints.</summary>
    [JsonIgnore]
    public IReadOnlyList<SweepSelection> Found { get; init; } = [];

    internal static UnlearnSweepResult Of(IReadOnlyList<SweepSelection> found, IReadOnlyList<string> models)
        => new([.. found.Select(s => new SweptCheckpoint(models[s.Checkpoint], s.Settings.Count,
            Mean(s.Widest, r => r.Before?.Memorised),
            Mean(s.Widest, r => r.Before?.MeanAccuracy(padded: false)),
            [.. s.Best.Select(BestSetting.Of)]))]) { Found = found };

    static double? Mean(SweepSetting setting, Func<SweepRow, double?> value)
        => setting.Runs.Any(r => value(r) is null) ? null : setting.Over(r => value(r)!.Value).Mean;
}

/// <summary>The best settings on one model.</summary>
/// <param name="Model">Name of the model.</param>
/// <param name="Settings">Number of settings tried, over all methods.</param>
/// <param name="Memorised">Share memorised before any edit, 0 to 1; null if not measured.</param>
/// <param name="Accuracy">Token accuracy before any edit, 0 to 1; null if not measured.</param>
/// <param name="Methods">Best settings by method.</param>
public sealed record SweptCheckpoint(string Model, int Settings,
    double? Memorised,
    double? Accuracy,
    IReadOnlyList<BestSetting> Methods);

/// <summary>The best setting of a method.</summary>
/// <param name="Method">Name of the method.</param>
/// <param name="Budget">Budget, 0 to 1.</param>
/// <param name="Options">Given option values.</param>
/// <param name="Runs">Number of runs that the means are over.</param>
/// <param name="Score">Value of the selection rule, lower is better; infinite if the method cannot
/// run.</param>
[JsonDerivedType(typeof(MeasuredSetting))]
[JsonDerivedType(typeof(FailedSetting))]
public abstract record BestSetting(
    [property: JsonPropertyOrder(-5)] string Method,
    [property: JsonPropertyOrder(-4)] double Budget,
    [property: JsonPropertyOrder(-3)] JsonObject Options,
    [property: JsonPropertyOrder(-2)] int Runs,
    [property: JsonPropertyOrder(-1)] double Score)
{
    internal static BestSetting Of(SweepSetting best)
    {
        JsonObject options = JsonNode.Parse(best.Options)!.AsObject();
        if (!best.Ran)
            return new FailedSetting(best.Method, best.Budget, options, best.Runs.Count, best.Score,
                ErrorOf(best));
        Measure memorised = Of(r => r.After!.Memorised), loose = Of(r => r.After!.Loose),
            similarity = Of(r => r.After!.Similarity),
            accuracy = Of(r => r.After!.MeanAccuracy(padded: false) ?? double.NaN),
            padded = Of(r => r.After!.MeanAccuracy(padded: true) ?? double.NaN),
            keepLoss = Of(r => r.After!.KeepLoss ?? double.NaN),
            perplexity = Of(r => r.After!.Perplexity ?? double.NaN),
            batchPerplexity = Of(r => r.After!.BatchPerplexity ?? double.NaN),
            seconds = Of(r => r.Seconds());
        return new MeasuredSetting(best.Method, best.Budget, options, best.Runs.Count, best.Score)
        {
            Memorised = memorised.Mean, MemorisedSpread = memorised.Spread,
            Loose = loose.Mean, LooseSpread = loose.Spread,
            Similarity = similarity.Mean, SimilaritySpread = similarity.Spread,
            Accuracy = accuracy.Mean, AccuracySpread = accuracy.Spread,
            PaddedAccuracy = padded.Mean, PaddedAccuracySpread = padded.Spread,
            KeepLoss = keepLoss.Mean, KeepLossSpread = keepLoss.Spread,
            Perplexity = perplexity.Mean, PerplexitySpread = perplexity.Spread,
            BatchPerplexity = batchPerplexity.Mean, BatchPerplexitySpread = batchPerplexity.Spread,
            Seconds = seconds.Mean, SecondsSpread = seconds.Spread,
        };

        Measure Of(Func<SweepRow, double> value)
        {
            (double mean, double? spread) = best.Over(value);
            return new Measure(mean, spread);
        }
    }

    /// <summary>Returns the reason why a method has no measures.</summary>
    internal static string ErrorOf(SweepSetting setting)
        => setting.Runs.FirstOrDefault(r => r.Error is not null)?.Error ?? "";

    readonly record struct Measure(double Mean, double? Spread);
}

/// <summary>A method that cannot run.</summary>
/// <param name="Method">Name of the method.</param>
/// <param name="Budget">Budget, 0 to 1.</param>
/// <param name="Options">Given option values.</param>
/// <param name="Runs">Number of runs that were tried.</param>
/// <param name="Score">Infinity.</param>
/// <param name="Error">Reason why the method cannot run.</param>
public sealed record FailedSetting(string Method, double Budget, JsonObject Options, int Runs, double Score,
    string Error) : BestSetting(Method, Budget, Options, Runs, Score);
