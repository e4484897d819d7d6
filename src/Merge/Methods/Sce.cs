using System.Buffers;

namespace HeadTap.Merge;

/// <summary>
/// SCE: select the places where task vectors vary, calculate a weight for each, erase what disagrees (Wan et
/// al. 2024, "FuseChat", arXiv 2408.07990).
/// </summary>
public sealed class Sce : MergeMethod
{
    /// <inheritdoc/>
    public override string Name => "sce";

    /// <inheritdoc/>
    public override string Paper => "arXiv 2408.07990";

    /// <inheritdoc/>
    public override string Equation =>
        "theta_0 + sum_i w_i s_i / sum_i w_i over models that have the sign of sum_i s_i; s_i = t_i at the "
        + "places of most variance, w_i = |s_i|^2 / sum_j |s_j|^2";

    /// <inheritdoc/>
    public override BaseUse Base => BaseUse.Required;

    /// <inheritdoc/>
    public override int FewestModels => 2;

    /// <inheritdoc/>
    public override IReadOnlyList<MergeParameter> Parameters => [SelectTopk];

    /// <summary>The share of places that is selected; 1 by default, as in mergekit.</summary>
    public static MergeParameter SelectTopk { get; } = new("select_topk", 1, 0, 1,
        "tau, the share of places that is selected, of those where the task vectors vary");

    /// <inheritdoc/>
    public override ITensorMerge Open(ParentTensor tensor, TensorSettings settings)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        ArgumentNullException.ThrowIfNull(settings);
        double share = settings.Of(SelectTopk);
        MagnitudeCut? cut = share >= 1 ? null
            : MagnitudeCut.Of(tensor.Length, Variances(tensor), (long)(share * Varying(tensor)));
        double[] squares = new double[tensor.Models];
        var merge = new Merge(tensor, squares, cut);
        Pieces(tensor.Length, (start, n) =>
        {
            float[] vectors = new float[tensor.Models * n];
            merge.Selected(start, n, vectors);
            for (int m = 0; m < squares.Length; m++)
                foreach (float value in vectors.AsSpan(m * n, n))
                    squares[m] += (double)value * value;
        });
        double all = squares.Sum();
        for (int m = 0; m < squares.Length; m++)
            squares[m] = all > 0 ? squares[m] / all : 1.0 / squares.Length;
        return merge;
    }

    static void Pieces(long length, Action<long, int> body)
    {
        for (long start = 0; start < length; start += ParentTensor.PieceLength)
            body(start, (int)Math.Min(ParentTensor.PieceLength, length - start));
    }

    static long Varying(ParentTensor tensor)
    {
        long varying = 0;
        PieceReader variances = Variances(tensor);
        Pieces(tensor.Length, (start, n) =>
        {
            float[] values = new float[n];
            variances(start, values);
            varying += values.Count(v => v != 0);
        });
        return varying;
    }

    // Of the task vectors at each place, over the models: mean of squares of distances from the mean.
    static PieceReader Variances(ParentTensor tensor) => (start, to) =>
    {
        int n = to.Length, models = tensor.Models;
        float[] vectors = ArrayPool<float>.Shared.Rent(models * n);
        for (int m = 0; m < models; m++)
            tensor.ReadTaskVector(m, start, vectors.AsSpan(m * n, n));
        for (int i = 0; i < n; i++)
        {
            double mean = 0, variance = 0;
            for (int m = 0; m < models; m++)
                mean += vectors[m * n + i];
            mean /= models;
            for (int m = 0; m < models; m++)
                variance += (vectors[m * n + i] - mean) * (vectors[m * n + i] - mean);
            to[i] = (float)(variance / models);
        }
        ArrayPool<float>.Shared.Return(vectors);
    };

    sealed class Merge(ParentTensor tensor, double[] weights, MagnitudeCut? cut) : ITensorMerge
    {
        internal void Selected(long start, int n, Span<float> vectors)
        {
            for (int m = 0; m < tensor.Models; m++)
                tensor.ReadTaskVector(m, start, vectors.Slice(m * n, n));
            if (cut is not { } kept)
                return;
            float[] variances = ArrayPool<float>.Shared.Rent(n);
            Variances(tensor)(start, variances.AsSpan(0, n));
            for (int i = 0; i < n; i++)
                if (!kept.Keeps(start + i, variances[i]))
                    for (int m = 0; m < tensor.Models; m++)
                        vectors[m * n + i] = 0;
            ArrayPool<float>.Shared.Return(variances);
        }

        public void Write(long start, Span<float> to)
        {
            int n = to.Length, models = tensor.Models;
            float[] vectors = ArrayPool<float>.Shared.Rent(models * n);
            try
            {
                Selected(start, n, vectors);
                tensor.ReadBase(start, to);
                for (int i = 0; i < n; i++)
                {
                    double elect = 0, sum = 0, agreeing = 0;
                    for (int m = 0; m < models; m++)
                        elect += vectors[m * n + i];
                    for (int m = 0; m < models; m++)
                        if (vectors[m * n + i] is var value && (elect >= 0 ? value > 0 : value < 0))
                            (sum, agreeing) = (sum + weights[m] * value, agreeing + weights[m]);
                    if (agreeing > 0)
                        to[i] = (float)(to[i] + sum / agreeing);
                }
            }
            finally
            {
                ArrayPool<float>.Shared.Return(vectors);
            }
        }
    }
}
