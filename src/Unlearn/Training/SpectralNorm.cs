using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>
/// Spectral-norm penalty: <c>loss + (lambda / 2) sum sigma</c>, with sigma the largest singular value of each
/// weight matrix except the embeddings (Yoshida and Miyato 2017, arXiv 1705.10941; R1 of arXiv 2410.02159).
/// Each update makes one step of power iteration: <c>u = W v / |W v|, v = W^T u / |W^T u|, sigma = u^T W
/// v</c>. The query, key, value and output weights of each head are separate matrices.
/// </summary>
/// <remarks>
/// dsigma/dW = u v^T with u and v constant, which is exact at the fixed point of the iteration. Each step
/// copies weights to the host and gradients back to the device.
/// </remarks>
public sealed class SpectralNorm : TrainingRegulariser
{
    static readonly MethodOption s_lambda = MethodOption.Number(
        "Lambda", 0.01, OptionRange.NotNegative, "weight of the penalty");

    readonly LanguageModel _model;
    readonly float _lambda;
    readonly TensorArena _arena;
    readonly MatrixPart[] _parts;
    readonly Tensor _right;

    /// <param name="model">Model to train.</param>
    /// <param name="lambda">Weight of the penalty, at least 0: 0.001, 0.01 or 0.1 in the published
    /// runs.</param>
    /// <param name="seed">Seed of the first v.</param>
    /// <exception cref="UserException">lambda is negative or not a number.</exception>
    public SpectralNorm(LanguageModel model, float lambda, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(model);
        (_model, _lambda) = (model, (float)s_lambda.Checked(lambda));
        _parts = [.. model.Parameters.Slices.SelectMany(slice => Parts(slice, model.Config.Heads))];
        int length = _parts.Sum(p => p.Columns);
        _arena = new TensorArena(model.Device, length, "right singular vectors");
        float[] first = new float[length];
        new SeededRandom(seed, ulong.MaxValue).FillNormal(first, 1f);
        _right = _arena.Upload("right singular vectors", first, length);
    }

    /// <summary>The regulariser's declaration: name, paper, equation, options.</summary>
    public static RegulariserKind Kind { get; } = new("spectral-norm",
        "arXiv 2410.02159 (R1), after arXiv 1705.10941",
        "the loss + (lambda / 2) sum sigma, u = W v / |W v|, v = W^T u / |W^T u|, sigma = u^T W v, one such "
            + "step per update",
        [s_lambda], (model, given, _, seed) => new SpectralNorm(model, given.Number(s_lambda), seed));

    /// <inheritdoc/>
    public override string Name => Kind.Name;

    /// <inheritdoc/>
    public override IReadOnlyList<(string Name, Tensor Tensor)> State
        => [("spectral_norm.right_vectors", _right)];

    /// <summary>The matrices whose sigma is penalised.</summary>
    internal IReadOnlyList<MatrixPart> Matrices => _parts;

    /// <summary>
    /// Makes one step of power iteration, adds the penalty's gradient, and returns the penalty.
    /// </summary>
    internal double AddPenalty(ParameterGradients gradients)
    {
        float[] right = _right.ToArray();
        double sum = 0;
        int from = 0;
        foreach (IGrouping<string, MatrixPart> matrix in _parts.GroupBy(p => p.Parameter))
        {
            float[] w = _model.Set[matrix.Key].ToArray();
            Tensor tensor = gradients.Set[matrix.Key];
            float[] dW = tensor.ToArray();
            foreach (MatrixPart part in matrix)
            {
                sum += part.AddSigma(w, right.AsSpan(from, part.Columns), dW, _lambda / 2);
                from += part.Columns;
            }
            tensor.Upload(dW);
        }
        _right.Upload(right);
        return _lambda / 2 * sum;
    }

    private protected override double Add(RowTrainer trainer, IReadOnlyList<int[]> rows, int[] batch)
        => trainer.Passes.AddMean([.. batch.Select(b => rows[b])]) + AddPenalty(trainer.Gradients);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _arena.Dispose();
        base.Dispose(disposing);
    }

    // Queries, keys, values [C, 3C]: one block of columns per head and kind. W_O [C, C]: one block of rows
    // per head.
    static IEnumerable<MatrixPart> Parts(ParameterSlice slice, int heads)
    {
        if (slice.Shape.Length != 2 || slice.Role is Role.TokenEmbedding or Role.PositionEmbedding)
            yield break;
        (int rows, int columns) = (slice.Shape[0], slice.Shape[1]);
        bool split = slice.Role == Role.QkvWeight;
        bool stacked = slice.Role == Role.ProjWeight;
        int across = split ? 3 * heads : 1, down = stacked ? heads : 1;
        for (int b = 0; b < across * down; b++)
            yield return new MatrixPart(slice.Name, columns,
                b % down * (rows / down), b / down * (columns / across), rows / down, columns / across);
    }
}
