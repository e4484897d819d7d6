using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>
/// Trains a score S per weight of the feed-forward matrices, which defines a mask m: W' = W m(S), with m = 0
/// for the share of lowest |S| and 1 for the others (Ramanujan et al. 2020, arXiv 1911.13299; arXiv
/// 2410.02159). The weights do not change. The gradient passes through the mask as if it were the identity:
/// dL/dS = dL/dW' W sign(S).
/// </summary>
/// <remarks>Writes W' into the model; <see cref="Dispose"/> restores W bit for bit.</remarks>
sealed class Supermask : IDisposable
{
    readonly LanguageModel _model;
    readonly double _budget;
    readonly TensorArena _arena;
    readonly WeightSnapshot _frozen;
    readonly IReadOnlyList<MlpMatrix> _matrices;
    readonly FlatParameters _scores, _momenta, _weights, _masks;
    bool _first = true;

    /// <param name="model">Model whose feed-forward matrices are masked.</param>
    /// <param name="seed">Seed of the first scores, U(-1/sqrt(fan), 1/sqrt(fan)) with fan the matrix's second
    /// dimension.</param>
    /// <param name="budget">Share of each matrix whose mask is 0, 0 to 1.</param>
    internal Supermask(LanguageModel model, ulong seed, double budget)
    {
        (_model, _budget, _matrices) = (model, budget, MlpMatrix.Of(model));
        IReadOnlySet<string> names = MlpMatrix.Names(model);
        _arena = new TensorArena(model.Device, TensorArena.Measure(model.Device, a =>
            _ = (Set(a, "score of "), Set(a, "momentum of "), Set(a, "frozen "), Set(a, "mask of "))),
            "scores, momenta, masks and frozen weights");
        _scores = Set(_arena, "score of ");
        _momenta = Set(_arena, "momentum of ");
        _weights = Set(_arena, "frozen ");
        _masks = Set(_arena, "mask of ");
        _frozen = WeightSnapshot.Of(model, names);
        foreach (MlpMatrix matrix in _matrices)
        {
            _weights[matrix.Name].Upload(_frozen[matrix.Name]);
            _scores[matrix.Name].Upload(FirstScores(model.Parameters[matrix.Name], seed));
        }

        FlatParameters Set(TensorArena arena, string purpose) => new(arena, model.Parameters, purpose, names);
    }

    /// <summary>Returns the number of weights of a matrix that a budget removes, rounded down.</summary>
    internal static int Removed(long length, double budget) => (int)(length * budget);

    /// <summary>
    /// Returns the first scores of a matrix. Each matrix has its own stream of random numbers, so its scores
    /// do not depend on the other matrices.
    /// </summary>
    internal static float[] FirstScores(ParameterSlice matrix, ulong seed)
    {
        var random = new SeededRandom(seed, (ulong)matrix.Offset);
        double bound = 1 / Math.Sqrt(matrix.Shape[1]);
        float[] scores = new float[matrix.Length];
        for (int i = 0; i < scores.Length; i++)
            scores[i] = (float)(bound * (2 * random.NextDouble() - 1));
        return scores;
    }

    /// <summary>Writes W m(S) into the model.</summary>
    internal void Apply()
    {
        foreach (MlpMatrix matrix in _matrices)
        {
            Tensor mask = _masks[matrix.Name];
            _model.Ops.Supermask(
                _scores[matrix.Name], mask, Removed(matrix.Weight.Length, _budget));
            _model.Ops.Multiply(_weights[matrix.Name], mask, matrix.Weight);
        }
    }

    /// <summary>One step of SGD on the scores.</summary>
    /// <param name="gradients">dL/dW' of the matrices alone; overwritten with dL/dS.</param>
    /// <param name="step">Learning rate, momentum and decay. The mask itself sets whether it is the first
    /// step.</param>
    internal void Step(ParameterGradients gradients, SgdStep step)
    {
        for (int b = 0; b < _scores.Blocks.Count; b++)
        {
            Tensor gradient = gradients.Set.Blocks[b], scores = _scores.Blocks[b];
            _model.Ops.SupermaskGradient(gradient, _weights.Blocks[b], scores, gradient);
            _model.Ops.Sgd(gradient, scores, _momenta.Blocks[b], step with { First = _first });
        }
        _first = false;
    }

    /// <summary>Returns the current scores of a matrix.</summary>
    internal float[] Scores(string matrix) => _scores[matrix].ToArray();

    /// <summary>Returns the weights that the current scores remove.</summary>
    internal MaskFinding Finding() => new(_budget, [.. _matrices.Select(matrix =>
    {
        Tensor mask = _masks[matrix.Name];
        _model.Ops.Supermask(_scores[matrix.Name], mask, Removed(matrix.Weight.Length, _budget));
        float[] kept = mask.ToArray();
        return (matrix.Name, (int[])[.. Enumerable.Range(0, kept.Length).Where(i => kept[i] == 0)]);
    })]);

    public void Dispose()
    {
        _frozen.Restore(_model);
        _arena.Dispose();
    }
}
