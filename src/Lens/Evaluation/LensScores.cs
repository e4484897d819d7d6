using HeadTap.Models;

namespace HeadTap.Lens;

/// <summary>Options of a lens evaluation.</summary>
public sealed record LensEvaluationOptions
{
    /// <summary>Positions of each row that are evaluated.</summary>
    public PositionChoice Positions { get; init; } = PositionChoice.Last;

    /// <summary>Seed for <see cref="Positions"/> that are drawn at random.</summary>
    public ulong Seed { get; init; }

    /// <summary>The k of <see cref="LensScore.TopK"/>; 1 to V.</summary>
    public int Top { get; init; } = 5;

    /// <summary>Rows per forward pass; at least 1.</summary>
    public int BatchRows { get; init; } = 8;
}

/// <summary>Distance of a lens from the model, as means over positions.</summary>
/// <param name="Kl">KL(model || lens), nats.</param>
/// <param name="Entropy">Entropy of the lens' distribution, nats.</param>
/// <param name="Top1">Share of positions where the model's most probable token is also the lens' most
/// probable token.</param>
/// <param name="Top5">Share of positions where it is among the lens' five most probable tokens.</param>
/// <param name="TopK">Share of positions where it is among the lens' <see cref="LensEvaluationOptions.Top"/>
/// most probable tokens.</param>
public readonly record struct LensScore(double Kl, double Entropy, double Top1, double Top5, double TopK);

/// <summary>Scores of a layer's lens and of untrained lenses.</summary>
/// <param name="Layer">Layer, from 0.</param>
/// <param name="Lens">Score of the lens, summed over its heads.</param>
/// <param name="LogitLens">Score of the logit lens: the unembedding, with LayerNorm folded in, of the heads'
/// summed results. For a residual, tuned or Jacobian lens: the unembedding of the stream that it reads, after
/// the final LayerNorm.</param>
/// <param name="Normalized">Score of the model's final LayerNorm, with its own statistics, and unembedding
/// applied to <c>sum_h r_h + b_O</c>.</param>
/// <param name="Heads">[H]: score of each head's own logits; empty if the lens reads no heads.</param>
public sealed record LayerScore(int Layer, LensScore Lens, LensScore LogitLens, LensScore Normalized,
    IReadOnlyList<LensScore> Heads);

/// <summary>Result of a lens evaluation.</summary>
/// <param name="Rows">Number of rows that were read.</param>
/// <param name="Positions">Number of positions that the means cover.</param>
/// <param name="ModelEntropy">Mean entropy of the model's distribution, nats.</param>
/// <param name="UnigramKl">KL(model || unigram), nats, with add-one smoothed token counts of the lens'
/// training texts; null if these are not known.</param>
/// <param name="Layers">Scores per layer.</param>
public sealed record LensEvaluationResult(
    int Rows, long Positions, double ModelEntropy, double? UnigramKl, IReadOnlyList<LayerScore> Layers);

/// <summary>Sums scores over positions, in their order.</summary>
sealed class LensScoreSum(int top)
{
    double _kl, _entropy;
    long _positions, _first, _five, _most;

    internal void Add(IEnumerable<LensAtPosition> rows)
    {
        foreach (LensAtPosition row in rows)
        {
            _kl += row.Kl;
            _entropy += row.Entropy;
            _first += row.Rank < 1 ? 1 : 0;
            _five += row.Rank < 5 ? 1 : 0;
            _most += row.Rank < top ? 1 : 0;
            _positions++;
        }
    }

    internal LensScore Mean() => new(_kl / _positions, _entropy / _positions, (double)_first / _positions,
        (double)_five / _positions, (double)_most / _positions);
}
