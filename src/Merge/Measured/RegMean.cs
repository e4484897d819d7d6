using HeadTap.Models;
using HeadTap.Runtime;
using MathNet.Numerics.LinearAlgebra;
using MathNet.Numerics.LinearAlgebra.Factorization;

namespace HeadTap.Merge;

/// <summary>
/// RegMean: each layer matrix is the one whose outputs are nearest to those of all models on their own inputs
/// (Jin et al. 2022, arXiv 2212.09849, equation 3). What is no matrix of a layer is averaged.
/// </summary>
public sealed class RegMean : MeasuredMethod
{
    // Of a matrix of inner products, the share of its mean diagonal that is added to the diagonal: an input
    // that was always 0 has no inner product, and its row becomes the models' mean.
    const double Ridge = 1e-9;

    static readonly (Role Matrix, SiteKind Input)[] s_maps =
    [
        (Role.QkvWeight, SiteKind.Ln1Normalized), (Role.ProjWeight, SiteKind.Z),
        (Role.MlpInWeight, SiteKind.Ln2Normalized), (Role.MlpOutWeight, SiteKind.MlpPost),
    ];

    /// <inheritdoc/>
    public override string Name => "regmean";

    /// <inheritdoc/>
    public override string Paper => "arXiv 2212.09849";

    /// <inheritdoc/>
    public override string Equation =>
        "(sum_i G_i)^-1 sum_i G_i W_i, G_i = X_i^T X_i of a matrix's inputs, off the diagonal times alpha; "
        + "vectors and embeddings mean_i theta_i";

    /// <inheritdoc/>
    public override BaseUse Base => BaseUse.None;

    /// <inheritdoc/>
    public override IReadOnlyList<MergeParameter> Parameters => [OffDiagonal, Examples];

    /// <summary>The factor of inner products off the diagonal; 0.6 by default, as in FusionBench (the paper
    /// takes 0.1 to 0.9 by task).</summary>
    public static MergeParameter OffDiagonal { get; } = new("reduce_non_diagonal_ratio", 0.6, 0, 1,
        "alpha, the factor of inner products off the diagonal");

    /// <inheritdoc/>
    /// <exception cref="UserException">A model cannot be read or run.</exception>
    public override MergeMethod Measured(MergeMeasurement measurement)
    {
        ArgumentNullException.ThrowIfNull(measurement);
        int models = measurement.Rows.Count;
        TensorSettings settings = measurement.Settings;
        var all = new Dictionary<string, float[]>[models];
        for (int m = 0; m < models; m++)
        {
            int at = m;
            using LanguageModel model = measurement.Load(m);
            all[m] = InnerProducts(model, measurement.First(m, (int)settings.Of(Examples)),
                share => measurement.Report((at + share) / models));
        }
        return With((tensor, values) => all[0].ContainsKey(tensor.Name)
            ? new Solved(tensor, Solve(tensor, [.. all.Select(g => g[tensor.Name])], values.Of(OffDiagonal)))
            : WeightedSum.Mean(tensor, Enumerable.Range(0, models)));
    }

    /// <summary><c>X^T X</c> of the inputs of each layer matrix, by the matrix's name.</summary>
    internal static Dictionary<string, float[]> InnerProducts(
        LanguageModel model, IReadOnlyList<int[]> rows, Action<double> report)
    {
        (ParameterSlice Matrix, Site Input)[] maps = [.. Enumerable.Range(0, model.Config.Layers)
            .SelectMany(l => s_maps.Select(m => (model.Parameters[m.Matrix, l], new Site(m.Input, l))))];
        using var session = new ModelSession(model, new SessionOptions
        {
            MaxTokens = rows.Max(r => r.Length), Record = [.. maps.Select(m => m.Input)],
        });
        void Cut(TensorArena arena, Dictionary<string, Tensor> into)
        {
            foreach ((ParameterSlice matrix, _) in maps)
                into[matrix.Name] = arena.Cut(matrix.Name, matrix.Shape[0], matrix.Shape[0]);
        }
        using var arena = new TensorArena(model.Device,
            TensorArena.Measure(model.Device, a => Cut(a, [])), "inner products");
        Dictionary<string, Tensor> products = [];
        Cut(arena, products);
        for (int r = 0; r < rows.Count; r++)
        {
            report((double)r / rows.Count);
            session.Forward(new SequenceBatch(rows[r]));
            foreach ((ParameterSlice matrix, Site input) in maps)
            {
                Tensor x = session.Recordings[input].Tensor!.Reshape(rows[r].Length, matrix.Shape[0]);
                model.Ops.MatMulWeightGradient(x, x, products[matrix.Name]);
            }
        }
        return products.ToDictionary(p => p.Key, p => p.Value.ToArray());
    }

    static float[] Solve(ParentTensor tensor, float[][] products, double alpha)
    {
        int n = tensor.Shape[0];
        Matrix<double> left = Matrix<double>.Build.Dense(n, n);
        Matrix<double> right = Matrix<double>.Build.Dense(n, tensor.Columns);
        for (int m = 0; m < products.Length; m++)
        {
            float[] product = products[m];
            double ridge = Enumerable.Range(0, n).Average(i => (double)product[i * n + i]);
            ridge = ridge > 0 ? Ridge * ridge : 1;
            Matrix<double> g = Matrix<double>.Build.Dense(n, n, (i, j) =>
                i == j ? product[i * n + i] + ridge : alpha * product[i * n + j]);
            float[] weights = new float[tensor.Length];
            tensor.Read(m, 0, weights);
            left += g;
            right += g * MatrixMerge.Of(tensor, weights);
        }
        Matrix<double> solved = Factor(left).Solve(right);
        return [.. Enumerable.Range(0, (int)tensor.Length).Select(i =>
            (float)solved[i / tensor.Columns, i % tensor.Columns])];
    }

    // Products of float32 activations are positive definite only up to their rounding: the ridge grows until
    // the factorisation succeeds.
    static Cholesky<double> Factor(Matrix<double> left)
    {
        double mean = left.Diagonal().Average();
        for (double ridge = 0; ; ridge = Math.Max(10 * ridge, 1e-9))
            try
            {
                return (left + ridge * mean * Matrix<double>.Build.DenseIdentity(left.RowCount)).Cholesky();
            }
            catch (ArgumentException) when (ridge < 1)
            {
            }
    }

    sealed class Solved(ParentTensor tensor, float[] values) : ITensorMerge
    {
        public void Write(long start, Span<float> to)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThan(start + to.Length, tensor.Length);
            values.AsSpan((int)start, to.Length).CopyTo(to);
        }
    }
}
