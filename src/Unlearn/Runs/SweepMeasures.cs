using HeadTap.Models;

namespace HeadTap.Unlearn;

/// <summary>How well a model predicts a test file.</summary>
/// <param name="Accuracy">Share of its tokens that were the most probable one.</param>
/// <param name="PaddedAccuracy">The same with every row filled up to the context: the reference counts its
/// padding as predicted. Null where no padding token is known.</param>
public sealed record TestAccuracy(double Accuracy, double? PaddedAccuracy);

/// <summary>What a sweep measures of a model.</summary>
/// <param name="Asked">Sequences that were asked.</param>
/// <param name="Memorised">Share of them continued token for token.</param>
/// <param name="Loose">Share at least 75 % alike.</param>
/// <param name="Similarity">Mean of 1 - Levenshtein distance / k.</param>
/// <param name="Correct">Share continued as the clean version goes on.</param>
/// <param name="KeepLoss">Mean loss on the keep set, nats; this and the next three null without one.</param>
/// <param name="KeepAccuracy">Token accuracy on it.</param>
/// <param name="Perplexity">exp of the mean loss over all its tokens.</param>
/// <param name="BatchPerplexity">Mean over batches of exp(mean loss of the batch): the reference's.</param>
/// <param name="Tests">By test file.</param>
public sealed record SweepMeasures(int Asked, double Memorised, double Loose, double Similarity,
    double Correct, double? KeepLoss, double? KeepAccuracy, double? Perplexity, double? BatchPerplexity,
    IReadOnlyList<TestAccuracy> Tests)
{
    /// <summary>Mean accuracy of the test files; of the keep set where there are none.</summary>
    /// <param name="padded">Whether padding counts, where that was measured.</param>
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
