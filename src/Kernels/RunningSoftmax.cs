namespace HeadTap.Kernels;

/// <summary>
/// What is known of a row's softmax after some of its columns: the maximum m so far and the sum of
/// <c>exp(x - m)</c>. More columns may come (Milakov and Gimelshein, "Online normalizer calculation for
/// softmax", 2018, algorithm 3).
/// </summary>
/// <remarks>Scalar code for kernels and host bodies alike.</remarks>
readonly struct RunningSoftmax(float max, float sum)
{
    /// <summary>Largest element so far; -infinity when there is none above it.</summary>
    public float Max { get; } = max;

    /// <summary>Sum of exp(x - Max) so far; NaN once an element was NaN or +infinity.</summary>
    public float Sum { get; } = sum;

    /// <summary>Of no columns.</summary>
    public static RunningSoftmax Empty => new(float.NegativeInfinity, 0f);

    /// <summary>With the columns of <paramref name="next"/> too.</summary>
    public RunningSoftmax With(RunningSoftmax next)
    {
        float larger = next.Max > Max ? next.Max : Max;
        return new(larger, SumRelativeTo(larger) + next.SumRelativeTo(larger));
    }

    // Nothing above -infinity has the sum 0, or NaN if there was a NaN; exp(-inf - -inf) would make NaN of
    // both.
    float SumRelativeTo(float larger) => Max == float.NegativeInfinity ? Sum : Sum * MathF.Exp(Max - larger);
}
