using ILGPU;

namespace HeadTap.Kernels;

/// <summary>What a softmax over a row needs: its maximum and the sum of <c>exp(x - max)</c>.</summary>
readonly struct SoftmaxRow(float max, float sum)
{
    /// <summary>Largest element; -infinity when the row has none above it.</summary>
    public float Max { get; } = max;

    /// <summary>Sum of exp(x - Max); NaN if an element is NaN or +infinity.</summary>
    public float Sum { get; } = sum;

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
                sum = sum * MathF.Exp(max - value) + 1f;
                max = value;
            }
            else if (value != float.NegativeInfinity) // exp(-inf - -inf) would be NaN; it weighs nothing
                sum += MathF.Exp(value - max); // NaN lands here and stays
        }
        float rowMax = GroupReduce.Max(max, scratch);
        // A thread that saw nothing above -infinity has sum 0, or NaN if it saw NaN.
        float part = max == float.NegativeInfinity ? sum : sum * MathF.Exp(max - rowMax);
        return new SoftmaxRow(rowMax, GroupReduce.Sum(part, scratch));
    }
}
