using System.Text.Json.Nodes;

namespace HeadTap.Jobs;

/// <summary>
/// A method's best setting with means over its runs and their standard deviations (null for one run).
/// </summary>
/// <param name="Method">The method's name.</param>
/// <param name="Budget">0 to 1.</param>
/// <param name="Options">Options that were given.</param>
/// <param name="Runs">Runs over which the measures are means.</param>
/// <param name="Score">The rule's value; lower is better.</param>
public sealed record MeasuredSetting(string Method, double Budget, JsonObject Options, int Runs, double Score)
    : BestSetting(Method, Budget, Options, Runs, Score)
{
    /// <summary>Share that is continued token for token, 0 to 1.</summary>
    public required double Memorised { get; init; }

    /// <summary>Standard deviation of <see cref="Memorised"/>.</summary>
    public required double? MemorisedSpread { get; init; }

    /// <summary>Share whose Levenshtein similarity is at least 0.75.</summary>
    public required double Loose { get; init; }

    /// <summary>Standard deviation of <see cref="Loose"/>.</summary>
    public required double? LooseSpread { get; init; }

    /// <summary>Mean Levenshtein similarity, 0 to 1.</summary>
    public required double Similarity { get; init; }

    /// <summary>Standard deviation of <see cref="Similarity"/>.</summary>
    public required double? SimilaritySpread { get; init; }

    /// <summary>Mean token accuracy of the tests, 0 to 1; null where it was not measured.</summary>
    public required double Accuracy { get; init; }

    /// <summary>Standard deviation of <see cref="Accuracy"/>.</summary>
    public required double? AccuracySpread { get; init; }

    /// <summary>The same with padding counted.</summary>
    public required double PaddedAccuracy { get; init; }

    /// <summary>Standard deviation of <see cref="PaddedAccuracy"/>.</summary>
    public required double? PaddedAccuracySpread { get; init; }

    /// <summary>Mean loss of the keep set, nats; null where it was not measured.</summary>
    public required double KeepLoss { get; init; }

    /// <summary>Standard deviation of <see cref="KeepLoss"/>.</summary>
    public required double? KeepLossSpread { get; init; }

    /// <summary>exp of the mean loss of the keep set; null where it was not measured.</summary>
    public required double Perplexity { get; init; }

    /// <summary>Standard deviation of <see cref="Perplexity"/>.</summary>
    public required double? PerplexitySpread { get; init; }

    /// <summary>Mean over batches of exp of the mean loss; null where it was not measured.</summary>
    public required double BatchPerplexity { get; init; }

    /// <summary>Standard deviation of <see cref="BatchPerplexity"/>.</summary>
    public required double? BatchPerplexitySpread { get; init; }

    /// <summary>Time of finding and applying.</summary>
    public required double Seconds { get; init; }

    /// <summary>Standard deviation of <see cref="Seconds"/>.</summary>
    public required double? SecondsSpread { get; init; }
}
