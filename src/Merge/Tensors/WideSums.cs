using System.Numerics;
using System.Numerics.Tensors;

namespace HeadTap.Merge;

/// <summary>Sums of float32 numbers by weights, in float64: vectors of numbers give the bits of one at a
/// time, because a product and its sum are rounded apart.</summary>
static class WideSums
{
    /// <summary><c>sums = weight * values</c>.</summary>
    internal static void Set(Span<double> sums, ReadOnlySpan<float> values, double weight)
    {
        TensorPrimitives.ConvertTruncating<float, double>(values, sums);
        TensorPrimitives.Multiply(sums, weight, sums);
    }

    /// <summary><c>sums += weight * values</c>.</summary>
    internal static void Add(Span<double> sums, ReadOnlySpan<float> values, double weight)
    {
        var factor = new Vector<double>(weight);
        int i = 0, half = Vector<double>.Count;
        for (; i + Vector<float>.Count <= values.Length; i += Vector<float>.Count)
        {
            Vector.Widen(new Vector<float>(values[i..]), out Vector<double> low, out Vector<double> high);
            (new Vector<double>(sums[i..]) + low * factor).CopyTo(sums[i..]);
            (new Vector<double>(sums[(i + half)..]) + high * factor).CopyTo(sums[(i + half)..]);
        }
        for (; i < values.Length; i++)
            sums[i] += weight * values[i];
    }

    /// <summary>The sums, rounded once.</summary>
    internal static void Round(ReadOnlySpan<double> sums, Span<float> to)
        => TensorPrimitives.ConvertTruncating<double, float>(sums, to);
}
