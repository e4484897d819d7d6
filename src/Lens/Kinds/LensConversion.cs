using HeadTap.Runtime;
using MathNet.Numerics.LinearAlgebra;

namespace HeadTap.Lens;

/// <summary>
/// Converts head lenses to thin lenses with the same logits, and back. Head to thin: <c>B_h = W_O,h A_h</c>.
/// Thin to head: <c>A_h = W_O,h^+ B_h</c>, with the pseudo-inverse W^+ = W^T (W W^T)^-1.
/// </summary>
/// <remarks>
/// A thin lens gives no logits for vectors that its head cannot write; no head's result is such a vector. In
/// the other direction <c>W_O,h W_O,h^+ = I</c> if W_O,h [D, C] has rank D, so no logit changes.
/// </remarks>
public static class LensConversion
{
    const double Float32Step = 1.1920929e-7;

    /// <summary>Returns lenses of another kind that give the same logits for every head.</summary>
    /// <param name="lens">Lenses of kind head or thin; they are not changed.</param>
    /// <param name="kind">Kind to convert to: the other one of head and thin.</param>
    /// <exception cref="UserException">The kinds are not head and thin, a head's W_O does not have full rank,
    /// or the result does not fit the device.</exception>
    public static LensSet To(LensSet lens, LensKind kind)
    {
        ArgumentNullException.ThrowIfNull(lens);
        if ((lens.Options.Kind, kind) is not ((LensKind.Head, LensKind.Thin)
            or (LensKind.Thin, LensKind.Head)))
            throw new UserException("head lenses are converted to thin and thin ones to head; this one is of "
                + "another kind, or of the kind asked for");
        LensSet made = LensSet.Empty(
            lens.Model, lens.Options with { Kind = kind }, lens.Layers, positions: 1);
        try
        {
            foreach (int layer in lens.Layers)
                Convert(lens[layer], made[layer], kind);
            return made;
        }
        catch
        {
            made.Dispose();
            throw;
        }
    }

    static void Convert(LayerLens from, LayerLens into, LensKind kind)
    {
        (int V, int C, int H) = (from.Config.VocabSize, from.Config.Width, from.Config.Heads);
        (Tensor source, Tensor bias) = from.Vocabulary!.Value;
        (Tensor target, Tensor sameBias) = into.Vocabulary!.Value;
        from.Ops.Copy(bias, sameBias);
        if (kind == LensKind.Thin)
        {
            Tensor thin = target.Reshape(V, C);
            from.Ops.HeadResultsTransposed(source.Reshape(V, H, C), from.Block.ProjWeight, thin, H);
            return;
        }
        float[] inverse = Inverses(from);
        using var arena = new TensorArena(from.Model.Device, inverse.Length + 64L, "pseudo-inverses of W_O");
        from.Ops.HeadResults(source.Reshape(V, C), arena.Upload("W_O^+ transposed", inverse, C, C),
            target.Reshape(V, H, C), H);
    }

    // [H D, C]: (W W^T)^-1 W of each head, from its singular value decomposition as U diag(1 / s) V^T.
    static float[] Inverses(LayerLens lens)
    {
        (int C, int H) = (lens.Config.Width, lens.Config.Heads);
        int D = C / H;
        float[] weight = lens.Block.ProjWeight.ToArray(), inverse = new float[C * C];
        for (int h = 0; h < H; h++)
        {
            int first = h * D;
            var svd = Matrix<double>.Build.Dense(D, C, (d, c) => weight[(first + d) * C + c]).Svd();
            double largest = svd.S[0], smallest = svd.S[D - 1];
            if (!(smallest > largest * C * Float32Step))
                throw new UserException($"layer {lens.Layer}, head {h}: W_O has not full rank (condition "
                    + $"number {largest / smallest:0.0e+0}), so no head lens is the same; keep it thin");
            for (int d = 0; d < D; d++)
                for (int c = 0; c < C; c++)
                {
                    double sum = 0;
                    for (int k = 0; k < D; k++)
                        sum += svd.U[d, k] / svd.S[k] * svd.VT[k, c];
                    inverse[(first + d) * C + c] = (float)sum;
                }
        }
        return inverse;
    }
}
