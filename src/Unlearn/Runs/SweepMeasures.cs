using HeadTap.Models;

namespace HeadTap.Unlearn;

/// <summary>How well a model predicts a test file.</summary>
/// <param name="Accuracy">Share of the file's tokens that were the most probable one.</param>
/// <param name="PaddedAccuracy">Accuracy with every row padded to the context, because the reference counts
/// padding as predicted; null if no padding token is known.</param>
public sealed record TestAccuracy(double Accuracy, double? PaddedAccuracy);

/// <summary>What a sweep measures on a model.</summary>
/// <param name="Asked">Number of sequences that the model was asked for.</param>
/// <param name="Memorised">Share of them that the model continued token for token.</param>
/// <param name="Loose">Share of them with a similarity of at least 0.75.</param>
/// <param name="Similarity">Mean of 1 - Levenshtein distance / k.</param>
/// <param name="Correct">Share of them that the model continued like the clean version.</param>
/// <param name="KeepLoss">Mean loss on the keep set, nats; null without a keep set, like the next
/// three.</param>
/// <param name="KeepAccuracy">Token accuracy on the keep set.</param>
/// <param name="Perplexity">exp of the mean loss over all tokens of the keep set.</param>
/// <param name="BatchPerplexity">Perplexity as the reference computes it: mean over batches of exp(mean loss
/// of the batch).</param>
/// <param name="Tests">Accuracy by test file.</param>
public sealed record SweepMeasures(int Asked, double Memorised, double Loose, double Similarity,
    double Correct, double? KeepLoss, double? KeepAccuracy, double? Perplexity, double? BatchPerplexity,
    IReadOnlyList<TestAccuracy> Tests)
{
    /// <summary>
    /// Returns the mean accuracy of the test files, or the accuracy on the keep set without test files.
    /// </summary>
    /// <param name="padded">Whether padding counts, if that was measured.</param>
    public double? MeanAccuracy(bool padded) => Tests.Count == 0 ? KeepAccuracy
        : Tests.Average(t => padded ? t.PaddedAccuracy : t.Accuracy);

    internal static SweepMeasures Of(LanguageModel model, Memorisation recited, UnlearnData data)
    {
        RowScore? keep = data.MeasuredKeep.Count == 0 ? null : RowScore.Measure(model, data.MeasuredKeep);
        return new(recited.Recitals.Count, recited.Strict, recited.Loose, recited.MeanSimilarity,
            recited.Correct, keep?.Loss, keep?.Accuracy, keep?.Perplexity, keep?.BatchPerplexity,
            [.. data.Tests.Select(rows => new TestAccuracy(RowScore.Measure(model, rows).Accuracy,
                data.PadToken is { } pad ? RowScore.Measure(model, Padded(model, rows, pad)).Accuracy
                    : null))]);
    }

    static IReadOnlyList<int[]> Padded(LanguageModel model, IReadOnlyList<int[]> rows, int pad)
        => [.. rows.Select(row => (int[])
            [.. row, .. Enumerable.Repeat(pad, model.Config.ContextLength - row.Length)])];
}
