using System.Numerics.Tensors;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Inject;

/// <summary>
/// Finds the failing hop of pairs and suggests memories for it. All choices compare next-token distributions
/// with that of the single-hop prompt; the answer is not used.
/// </summary>
public sealed class HopSearch
{
    // Lengths to try, relative to the missing vector; the one with the smallest divergence is chosen.
    static readonly double[] s_lengths = [0.25, 0.5, 1, 2];

    readonly LanguageModel _model;
    readonly RowInjections _rows;
    readonly double[][] _target; // [pairs] [V]: p after the single-hop prompts
    readonly double[] _entropy; // [pairs]: sum p ln p
    readonly (double Divergence, AnswerStanding Answer)[] _before;
    readonly bool[] _sameNext;
    readonly string? _lens;

    /// <summary>Runs both prompts of each pair.</summary>
    /// <param name="model">The model; no edits may be attached.</param>
    /// <param name="pairs">Pairs to search; V doubles are stored for each.</param>
    /// <param name="lens">Folder of a Jacobian lens at resid_mid: tokens are read with it, and their
    /// memories are its directions. Null for the unembedding.</param>
    /// <exception cref="UserException">A prompt does not fit the model, or the lens does not.</exception>
    public HopSearch(LanguageModel model, IReadOnlyList<EncodedPair> pairs, string? lens = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(pairs);
        (_model, _lens) = (model, lens);
        Jacobians = lens is null ? null : StreamJacobian.OfAttention(lens, model.Config);
        _rows = new RowInjections(model, pairs) { Positions = _ => EditPositions.Last };
        Single = AttentionWrites.Of(model, [.. pairs.Select(p => p.Explicit)]);
        Multi = AttentionWrites.Of(model, [.. pairs.Select(p => p.Obscure)]);
        _target = new double[pairs.Count][];
        _entropy = new double[pairs.Count];
        _before = new (double, AnswerStanding)[pairs.Count];
        _sameNext = new bool[pairs.Count];
        _rows.EachBefore(p => p.Explicit, (pair, _, logits) =>
        {
            double log = LogSumExp.Of(logits);
            _target[pair] = Array.ConvertAll(logits.ToArray(), x => Math.Exp(x - log));
            for (int v = 0; v < logits.Length; v++)
                _entropy[pair] += _target[pair][v] * (logits[v] - log);
        });
        _rows.EachBefore(p => p.Obscure, (pair, _, logits) =>
        {
            _before[pair] = Read(pair, logits);
            _sameNext[pair] = TensorPrimitives.IndexOfMax(logits)
                == TensorPrimitives.IndexOfMax<double>(_target[pair]);
        });
    }

    /// <summary>[L]: matrices of the Jacobian lens; null without one.</summary>
    internal IReadOnlyList<StreamJacobian>? Jacobians { get; }

    /// <summary>[pairs]: attention output for the single-hop prompts.</summary>
    public IReadOnlyList<AttentionWrites> Single { get; }

    /// <summary>[pairs]: attention output for the multi-hop prompts.</summary>
    public IReadOnlyList<AttentionWrites> Multi { get; }

    /// <summary>
    /// [pairs]: probability and rank of the answers after the multi-hop prompts, nothing injected.
    /// </summary>
    public IReadOnlyList<AnswerStanding> Before => [.. _before.Select(b => b.Answer)];

    /// <summary>[pairs]: whether both prompts have the same most probable next token.</summary>
    public IReadOnlyList<bool> SameNext => _sameNext;

    /// <summary>Finds the failing hop of each pair.</summary>
    public IReadOnlyList<FailingHop> Find()
    {
        ModelConfig config = _model.Config;
        int n = _before.Length;
        double[][] byLayer = Table(n, config.Layers), byHead = Table(n, config.Heads);
        for (int l = 0; l < config.Layers; l++)
            Run(_rows, l, 1, (pair, _) => Missing(pair, l), (pair, _, found) =>
                byLayer[pair][l] = found.Divergence);
        int[] layers = [.. byLayer.Select(Least)];
        foreach (IGrouping<int, int> same in Enumerable.Range(0, n).GroupBy(pair => layers[pair]))
        {
            int[] taken = [.. same];
            Run(Of(taken), same.Key, config.Heads, (i, head) => Missing(taken[i], same.Key, head),
                (i, head, found) => byHead[taken[i]][head] = found.Divergence, taken);
        }
        return [.. Enumerable.Range(0, n).Select(pair => new FailingHop(layers[pair], Least(byHead[pair]),
            _before[pair].Divergence, byLayer[pair], byHead[pair]))];
    }

    /// <summary>Suggests a memory for each pair, in the given layer.</summary>
    /// <param name="kind">Kind of the memories.</param>
    /// <param name="layers">[pairs]: layer of each memory, from 0.</param>
    /// <param name="count">Number of tokens, for the kinds that are lists of tokens.</param>
    public IReadOnlyList<Suggestion> Suggest(SuggestedMemory kind, IReadOnlyList<int> layers, int count)
    {
        ArgumentNullException.ThrowIfNull(layers);
        var found = new Suggestion[_before.Length];
        foreach (IGrouping<int, int> same in Enumerable.Range(0, found.Length).GroupBy(i => layers[i]))
        {
            int[] taken = [.. same];
            int[][] tokens = Tokens(kind, taken, same.Key, count);
            float[][] vectors = [.. taken.Select((pair, i) => Vector(kind, pair, same.Key, tokens[i]))];
            float[][] taus = [.. taken.Select((pair, i) => Taus(kind, pair, same.Key, vectors[i]))];
            for (int i = 0; i < taken.Length; i++)
                found[taken[i]] = new(kind, same.Key, 0f, tokens[i], vectors[i], _before[taken[i]].Divergence,
                    _before[taken[i]].Answer) { Lens = _lens };
            Run(Of(taken), same.Key, taus.Max(t => t.Length),
                (i, t) => t < taus[i].Length ? Array.ConvertAll(vectors[i], v => taus[i][t] * v) : null,
                (i, t, trial) =>
                {
                    if (trial.Divergence < found[taken[i]].Divergence)
                        found[taken[i]] = found[taken[i]] with
                        {
                            Tau = taus[i][t], Divergence = trial.Divergence, Answer = trial.Answer,
                        };
                }, taken);
        }
        return found;
    }

    /// <summary>
    /// Returns the output of a layer's attention, or of one head, for the single-hop prompt minus that for
    /// the multi-hop prompt, [C].
    /// </summary>
    public float[] Missing(int pair, int layer, int? head = null)
    {
        ModelConfig config = _model.Config;
        ReadOnlySpan<float> single = head is { } h ? Single[pair].Head(layer, h, config)
            : Single[pair].Layer(layer, config);
        ReadOnlySpan<float> multi = head is { } m ? Multi[pair].Head(layer, m, config)
            : Multi[pair].Layer(layer, config);
        float[] missing = new float[config.Width];
        for (int c = 0; c < missing.Length; c++)
            missing[c] = single[c] - multi[c];
        return missing;
    }

    RowInjections Of(int[] taken) => new(_model, [.. taken.Select(pair => _rows.Pairs[pair])])
    {
        Positions = _rows.Positions,
    };

    int[][] Tokens(SuggestedMemory kind, int[] taken, int layer, int count)
    {
        if (kind == SuggestedMemory.Difference)
            return [.. taken.Select(_ => Array.Empty<int>())];
        if (kind is SuggestedMemory.Bridge or SuggestedMemory.BridgeLayer)
            return [.. taken.Select(pair => _rows.Pairs[pair].Memory)];
        bool missing = kind == SuggestedMemory.DifferenceTokens;
        TokenReading reading = TokenReading.Of(_model, [.. taken.SelectMany(pair => missing
            ? Missing(pair, layer) : Single[pair].Layer(layer, _model.Config).ToArray())], count, !missing,
            Jacobians?[layer]);
        return [.. taken.Select((_, i) => (int[])[.. reading.Top(i).Select(t => t.Token)])];
    }

    float[] Vector(SuggestedMemory kind, int pair, int layer, int[] tokens) => kind switch
    {
        SuggestedMemory.Difference => Missing(pair, layer),
        SuggestedMemory.BridgeLayer => LayerEncoding.Of(_model, tokens, layer),
        _ => Direction(new Memory(tokens, 0, 1f).Vector(_model), layer),
    };

    float[] Direction(float[] unembedding, int layer) => Jacobians?[layer].Back(unembedding) ?? unembedding;

    // A difference is the missing vector itself, so tau is 1. Other kinds try the projection of the missing
    // vector onto m, and several fractions of the missing vector's length.
    float[] Taus(SuggestedMemory kind, int pair, int layer, float[] m)
    {
        if (kind == SuggestedMemory.Difference)
            return [1f];
        float[] missing = Missing(pair, layer);
        double length = Memory.Norm(m), ratio = Memory.Norm(missing) / length;
        double shadow = PlaceComparison.CosineOf(missing, m) * ratio;
        return !(length > 0) ? []
            : [.. (shadow > 0 ? (double[])[shadow] : []).Concat(s_lengths.Select(x => x * ratio))
                .Select(tau => (float)tau)];
    }

    void Run(RowInjections rows, int layer, int variants, Func<int, int, float[]?> vector,
        Action<int, int, (double Divergence, AnswerStanding Answer)> found, int[]? taken = null)
    {
        if (variants > 0)
            rows.Each(layer, variants, vector, (i, variant, logits) =>
                found(i, variant, Read(taken is null ? i : taken[i], logits)));
    }

    (double Divergence, AnswerStanding Answer) Read(int pair, ReadOnlySpan<float> logits)
    {
        AnswerStanding answer = AnswerStanding.Of(logits, _rows.Pairs[pair].Answer, 0);
        double[] p = _target[pair];
        double log = LogSumExp.Of(logits), cross = 0;
        for (int v = 0; v < p.Length; v++)
            cross += p[v] * (logits[v] - log);
        return (Math.Max(0, _entropy[pair] - cross), answer);
    }

    static double[][] Table(int rows, int columns)
        => [.. Enumerable.Range(0, rows).Select(_ => new double[columns])];

    static int Least(double[] values) => Array.IndexOf(values, values.Min());
}
