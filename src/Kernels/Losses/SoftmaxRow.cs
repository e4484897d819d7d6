using ILGPU;
using ILGPU.Util;

namespace HeadTap.Kernels;

/// <summary>
/// What a softmax over a row needs: its maximum and the sum of <c>exp(x - max)</c>; of some of its columns
/// where more may come (Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018, alg. 3).
/// </summary>
readonly struct SoftmaxRow(float max, float sum)
{
    /// <summary>Largest element; -infinity when the row has none above it.</summary>
    public float Max { get; } = max;

    /// <summary>Sum of exp(x - Max); NaN if an element is NaN or +infinity.</summary>
    public float Sum { get; } = sum;

    /// <summary>The row of no columns.</summary>
    public static SoftmaxRow Empty => new(float.NegativeInfinity, 0f);

    /// <summary>With the columns of <paramref name="next"/> too.</summary>
    public SoftmaxRow With(SoftmaxRow next)
    {
        float larger = next.Max > Max ? next.Max : Max;
        return new(larger, SumRelativeTo(larger) + next.SumRelativeTo(larger));
    }

    /// <summary>One pass over x[start .. start + V) by the group; every thread gets the result.</summary>
    internal static SoftmaxRow Of(ArrayView<float> x, long start, int V, ArrayView<float> scratch)
    {
        float max = float.NegativeInfinity;
        float sum = 0f;
        for (int v = Group.IdxX; v < V; v += Group.DimX)
        {
            float value = x[start + v];
            if (value > max)
            {
                // The first finite value meets exp(-inf) = 0.
                sum = sum * DeviceMath.Exp(max - value) + 1f;
                max = value;
            }
            else if (value != float.NegativeInfinity) // exp(-inf - -inf) would be NaN; it weighs nothing
                sum += DeviceMath.Exp(value - max); // NaN lands here and stays
        }
        float rowMax = GroupReduce.Max(max, scratch);
        // A thread that saw nothing above -infinity has sum 0, or NaN if it saw NaN.
        // Selected, not branched to: ILGPU 1.5.3 would declare the branch uniform, and it is not.
        float part = Utilities.Select(max == float.NegativeInfinity, sum, sum * DeviceMath.Exp(max - rowMax));
        return new SoftmaxRow(rowMax, GroupReduce.Sum(part, scratch));
    }

    // Nothing above -infinity has the sum 0, or NaN if there was a NaN; exp(-inf - -inf) would be NaN.
    float SumRelativeTo(float larger)
        => Utilities.Select(Max == float.NegativeInfinity, Sum, Sum * DeviceMath.Exp(Max - larger));
}
