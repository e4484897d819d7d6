using HeadTap.Models;

namespace HeadTap.Lens;

/// <summary>What is measured of lenses, and where.</summary>
public sealed record LensEvaluationOptions
{
    /// <summary>Positions of each row.</summary>
    public PositionChoice Positions { get; init; } = PositionChoice.Last;

    /// <summary>Draws positions where these are drawn.</summary>
    public ulong Seed { get; init; }

    /// <summary>k of <see cref="LensScore.TopK"/>, 1 to V.</summary>
    public int Top { get; init; } = 5;

    /// <summary>Rows of a forward pass.</summary>
    public int BatchRows { get; init; } = 8;
}

/// <summary>How close a lens comes to the model, means over positions.</summary>
/// <param name="Kl">KL(model || lens), nats.</param>
/// <param name="Entropy">Of the lens' distribution, nats.</param>
/// <param name="Top1">Share of positions where the model's most probable token is the lens' too.</param>
/// <param name="Top5">Share where it is among the lens' five most probable.</param>
/// <param name="TopK">Share where it is among the lens' <see cref="LensEvaluationOptions.Top"/>.</param>
public readonly record struct LensScore(double Kl, double Entropy, double Top1, double Top5, double TopK);

/// <summary>A layer's lens beside those that are not learned.</summary>
/// <param name="Layer">The layer.</param>
/// <param name="Lens">The sum over its heads.</param>
/// <param name="LogitLens">The model's unembedding, LayerNorm folded in, of the heads' summed results; of
/// the stream that a residual or tuned lens reads, through the final LayerNorm.</param>
/// <param name="Normalized">The model's final LayerNorm, with its own statistics, and head of
/// <c>sum_h r_h + b_O</c>.</param>
/// <param name="Heads">Each head by its own lens; empty where the lens reads none.</param>
public sealed record LayerScore(int Layer, LensScore Lens, LensScore LogitLens, LensScore Normalized,
    IReadOnlyList<LensScore> Heads);

/// <summary>What was measured.</summary>
/// <param name="Rows">Rows that were read.</param>
/// <param name="Positions">Positions of them that means are over.</param>
/// <param name="ModelEntropy">Of the model's distribution, nats.</param>
/// <param name="UnigramKl">KL(model || tokens as often as in the lens' training texts, add-one); null where
/// that is not known.</param>
/// <param name="Layers">Each layer.</param>
public sealed record LensEvaluationResult(
    int Rows, long Positions, double ModelEntropy, double? UnigramKl, IReadOnlyList<LayerScore> Layers);

/// <summary>Sums of what positions gave, in their order.</summary>
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
