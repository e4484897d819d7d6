using System.Text.Json.Nodes;

namespace HeadTap.Jobs;

/// <summary>
/// The best setting of a method, with means over its runs and their standard deviations (null for one run).
/// </summary>
/// <param name="Method">Name of the method.</param>
/// <param name="Budget">Budget, 0 to 1.</param>
/// <param name="Options">Given option values.</param>
/// <param name="Runs">Number of runs that the means are over.</param>
/// <param name="Score">Value of the selection rule; lower is better.</param>
public sealed record MeasuredSetting(string Method, double Budget, JsonObject Options, int Runs, double Score)
    : BestSetting(Method, Budget, Options, Runs, Score)
{
    /// <summary>Share of the sequences that the model continues token for token, 0 to 1.</summary>
    public required double Memorised { get; init; }

    /// <summary>Standard deviation of <see cref="Memorised"/>.</summary>
    public required double? MemorisedSpread { get; init; }

    /// <summary>Share of the sequences with a Levenshtein similarity of at least 0.75.</summary>
    public required double Loose { get; init; }

    /// <summary>Standard deviation of <see cref="Loose"/>.</summary>
    public required double? LooseSpread { get; init; }

    /// <summary>Mean Levenshtein similarity, 0 to 1.</summary>
    public required double Similarity { get; init; }

    /// <summary>Standard deviation of <see cref="Similarity"/>.</summary>
    public required double? SimilaritySpread { get; init; }

    /// <summary>Mean token accuracy of the tests without padding, 0 to 1; NaN if not measured.</summary>
    public required double Accuracy { get; init; }

    /// <summary>Standard deviation of <see cref="Accuracy"/>.</summary>
    public required double? AccuracySpread { get; init; }

    /// <summary>Mean token accuracy of the tests with padding, 0 to 1; NaN if not measured.</summary>
    public required double PaddedAccuracy { get; init; }

    /// <summary>Standard deviation of <see cref="PaddedAccuracy"/>.</summary>
    public required double? PaddedAccuracySpread { get; init; }

    /// <summary>Mean loss on the keep set, nats; NaN if not measured.</summary>
    public required double KeepLoss { get; init; }

    /// <summary>Standard deviation of <see cref="KeepLoss"/>.</summary>
    public required double? KeepLossSpread { get; init; }

    /// <summary>exp of the mean loss on the keep set; NaN if not measured.</summary>
    public required double Perplexity { get; init; }

    /// <summary>Standard deviation of <see cref="Perplexity"/>.</summary>
    public required double? PerplexitySpread { get; init; }

    /// <summary>Mean over batches of exp(mean loss of the batch); NaN if not measured.</summary>
    public required double BatchPerplexity { get; init; }

    /// <summary>Standard deviation of <see cref="BatchPerplexity"/>.</summary>
    public required double? BatchPerplexitySpread { get; init; }

    /// <summary>Time to find and apply the change, seconds.</summary>
    public required double Seconds { get; init; }

    /// <summary>Standard deviation of <see cref="Seconds"/>.</summary>
    public required double? SecondsSpread { get; init; }
}
