using HeadTap.Models;
using MathNet.Numerics.LinearAlgebra;

namespace HeadTap.Merge;

/// <summary>A change of the residual stream's axes.</summary>
abstract class StreamMap
{
    /// <summary>Rows [*, C] along the stream, in the new axes.</summary>
    internal abstract double[] Of(double[] rows);

    /// <summary>The first C numbers of rows in the new axes; what follows them stays.</summary>
    internal Matrix<double> Of(Matrix<double> rows, int C)
    {
        Matrix<double> mapped = rows.Clone();
        double[] stream = Of(rows.SubMatrix(0, rows.RowCount, 0, C).ToRowMajorArray());
        mapped.SetSubMatrix(0, 0, Rotation.Dense(stream, C));
        return mapped;
    }

    /// <summary>Changes every parameter that reads the stream or writes to it, in place.</summary>
    internal virtual void Apply(DecoderWeights weights)
    {
        foreach (ParameterSlice slice in weights.Layout.Slices)
        {
            double[] values = weights[slice.Role, slice.Layer];
            int outputs = slice.Shape[^1];
            double[]? mapped = slice.Role switch
            {
                // What reads is [C, outputs]: its columns lie along the stream.
                Role.QkvWeight or Role.MlpInWeight => RowProducts.Transposed(
                    Of(RowProducts.Transposed(values, outputs)), weights.Config.Width),
                Role.QkvBias or Role.MlpInBias or Role.HeadBias => null,
                _ => Of(values),
            };
            if (mapped is not null)
                weights.Put(slice.Role, slice.Layer, mapped);
        }
    }
}

/// <summary>One permutation of the stream: channel c of the result is <c>order[c]</c>.</summary>
sealed class StreamOrder(int[] order) : StreamMap
{
    internal int[] Order => order;

    internal override double[] Of(double[] rows) => BlockSymmetry.Columns(rows, order.Length, order);
}

/// <summary>
/// An orthogonal map R of the stream, <c>x R</c>. LayerNorm commutes with it where <c>R 1 = 1</c> and its own
/// gain is 1 and its shift 0, so models with other gains must be folded first.
/// </summary>
sealed class StreamRotation(Matrix<double> r) : StreamMap
{
    readonly double[] _rows = r.ToRowMajorArray();

    internal override double[] Of(double[] rows) => RowProducts.Turned(rows, _rows, r.RowCount);

    internal override void Apply(DecoderWeights weights)
    {
        if (!Folding.IsFolded(weights))
            throw new ArgumentException("A LayerNorm has a gain or a shift; a rotation would mix them.");
        base.Apply(weights);
        // R maps the gains 1 to 1 and the shifts 0 to 0, up to rounding.
        Folding.ResetNorms(weights);
    }
}
