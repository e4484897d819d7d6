using HeadTap.Models;

namespace HeadTap.Circuits;

/// <summary>What of a later head an earlier head's output enters.</summary>
public enum CompositionKind
{
    /// <summary>Its queries.</summary>
    Q,

    /// <summary>Its keys.</summary>
    K,

    /// <summary>Its values.</summary>
    V,
}

/// <summary>How much of an earlier head's output a later head can read.</summary>
/// <param name="Kind">Which way it is read.</param>
/// <param name="FromLayer">Layer of the head that writes.</param>
/// <param name="FromHead">The head that writes.</param>
/// <param name="ToLayer">Layer of the head that reads; above <paramref name="FromLayer"/>.</param>
/// <param name="ToHead">The head that reads.</param>
/// <param name="Score">0 to 1.</param>
public sealed record Composition(
    CompositionKind Kind, int FromLayer, int FromHead, int ToLayer, int ToHead, double Score);

/// <summary>
/// Composition scores of all pairs of heads, from the weights (Elhage et al. 2021, A Mathematical Framework
/// for Transformer Circuits): with rows as vectors, OV = W_V W_O and QK = W_Q W_Kᵀ, both [C, C],
/// Q: |OV₁ QK₂| / (|OV₁| |QK₂|),  K: |OV₁ QK₂ᵀ| / (|OV₁| |QK₂|),  V: |OV₁ OV₂| / (|OV₁| |OV₂|), with the
/// Frobenius norm |X|.
/// </summary>
/// <remarks>
/// No [C, C] matrix is made: |A M B|² = tr(AᵀA M B Bᵀ Mᵀ) with the core M = W_O₁ W_X₂, [D, D]. All cores of
/// two layers are one product. Folded, W_Q, W_K and W_V have the gain of their LayerNorm in them, and its
/// subtraction of the mean: (I - 1 1ᵀ / C) diag(gain) W, as TransformerLens folds them.
/// </remarks>
public sealed class CompositionScores
{
    readonly float[] _scores; // [3, L H, L H]: kind, from, to

    CompositionScores(int layers, int heads, float[] scores)
        => (Layers, Heads, _scores) = (layers, heads, scores);

    /// <summary>Number of layers.</summary>
    public int Layers { get; }

    /// <summary>Number of heads of a layer.</summary>
    public int Heads { get; }

    /// <summary>
    /// [3, L H, L H]: Q, K, V; the head that writes, layer after layer; the head that reads. 0 where the
    /// reader's layer is not above the writer's.
    /// </summary>
    public ReadOnlyMemory<float> Values => _scores;

    /// <summary>The score of a pair.</summary>
    public double this[CompositionKind kind, int fromLayer, int fromHead, int toLayer, int toHead]
        => _scores[Index(kind, fromLayer * Heads + fromHead, toLayer * Heads + toHead)];

    /// <summary>Computes the scores of a model.</summary>
    /// <param name="model">The model.</param>
    /// <param name="foldNorm">Whether the LayerNorm before a head is folded into what the head
    /// reads.</param>
    /// <param name="progress">Told the share that is done.</param>
    public static CompositionScores Of(
        LanguageModel model, bool foldNorm = true, Action<double>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        int L = model.Config.Layers, H = model.Config.Heads;
        var found = new CompositionScores(L, H, new float[3L * L * H * L * H]);
        using var cores = new CompositionCores(model, foldNorm);
        for (int to = 1; to < L; to++)
        {
            for (int from = 0; from < to; from++)
                cores.Pairs(from, to, (kind, fromHead, toHead, score) => found._scores[
                    found.Index(kind, from * H + fromHead, to * H + toHead)] = (float)score);
            progress?.Invoke((to + 1.0) * to / ((double)L * (L - 1)));
        }
        return found;
    }

    /// <summary>The largest scores of a kind, in descending order; equal ones in the order of the
    /// heads.</summary>
    public IReadOnlyList<Composition> Top(CompositionKind kind, int count)
        => [.. All(kind).OrderByDescending(c => c.Score).Take(count)]; // a stable sort

    IEnumerable<Composition> All(CompositionKind kind)
    {
        for (int from = 0; from < Layers * Heads; from++)
            for (int to = (from / Heads + 1) * Heads; to < Layers * Heads; to++)
                yield return new(kind, from / Heads, from % Heads, to / Heads, to % Heads,
                    _scores[Index(kind, from, to)]);
    }

    long Index(CompositionKind kind, int from, int to)
        => ((long)kind * Layers * Heads + from) * Layers * Heads + to;
}
