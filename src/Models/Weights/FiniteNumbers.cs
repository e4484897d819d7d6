using System.Numerics.Tensors;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>Finds NaN and infinity in what is read from files.</summary>
static class FiniteNumbers
{
    const int PieceLength = 1 << 18;

    /// <summary>Whether all numbers are finite; one vectorised pass.</summary>
    internal static bool All(ReadOnlySpan<float> values) => TensorPrimitives.IsFiniteAll(values);

    /// <summary>
    /// Says what is not finite: "holds NaN at [3, 17]; 1 of its 64 numbers is not finite". Null if all are.
    /// </summary>
    /// <param name="shape">Extents, row-major.</param>
    /// <param name="length">Their product.</param>
    /// <param name="masked">Whether minus infinity is meant.</param>
    /// <param name="read">Fills a span with the numbers from an index on.</param>
    internal static string? Describe(
        ReadOnlySpan<long> shape, long length, bool masked, TensorSource read)
    {
        (long first, float value, long count) = (-1, 0, 0);
        float[] piece = new float[Math.Min(PieceLength, length)];
        for (long start = 0; start < length; start += PieceLength)
        {
            Span<float> values = piece.AsSpan(0, (int)Math.Min(PieceLength, length - start));
            read(start, values);
            if (All(values))
                continue;
            for (int i = 0; i < values.Length; i++)
                if (!float.IsFinite(values[i]) && !(masked && float.IsNegativeInfinity(values[i])))
                {
                    if (count++ == 0)
                        (first, value) = (start + i, values[i]);
                }
        }
        return count == 0 ? null
            : $"holds {Name(value)} at {Index(shape, first)}; {count} of its {Counted.Of(length, "number")} "
                + (count == 1 ? "is not finite" : "are not finite");
    }

    /// <summary>NaN, infinity or -infinity.</summary>
    internal static string Name(double value)
        => double.IsNaN(value) ? "NaN" : value > 0 ? "infinity" : "-infinity";

    /// <summary>Where an element lies in a tensor: [3, 17].</summary>
    internal static string Index(ReadOnlySpan<long> shape, long element)
    {
        long[] index = new long[shape.Length];
        for (int axis = shape.Length - 1; axis >= 0; axis--)
            (index[axis], element) = (element % shape[axis], element / shape[axis]);
        return Quoted.Shape(index);
    }
}
