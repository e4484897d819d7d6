using HeadTap.Models;

namespace HeadTap.Merge;

/// <summary>
/// A random direction whose rows are as long as the weights' rows: <c>d &lt;- d |w| / (|d| + 1e-10)</c> row
/// by row, 0 in tensors of one axis.
/// </summary>
/// <remarks>
/// Li et al. 2018, arXiv 1712.09913, section 4, as its code does it: a filter is a row of the tensor as the
/// checkpoint has it (of GPT-2's matrices [inputs, outputs], what one input sends out), and biases and gains
/// stay ("biasbn"). A layer that is scaled up and down without changing the function looks the same then.
/// </remarks>
public static class FilterNormal
{
    const double Least = 1e-10;
    const ulong Mark = 0x66696C746572; // "filter": apart from what else a seed draws

    /// <summary>Writes a direction.</summary>
    /// <param name="to">Overwritten.</param>
    /// <param name="weights">The weights whose rows are the measure.</param>
    /// <param name="seed">Decides all numbers; a tensor's do not depend on the others.</param>
    /// <param name="number">0 for the first direction of a seed, 1 for the second.</param>
    public static void Write(FlatParameters to, FlatParameters weights, ulong seed, int number)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)number, 1u);
        ArgumentNullException.ThrowIfNull(to);
        ArgumentNullException.ThrowIfNull(weights);
        foreach (ParameterSlice slice in to.Included)
        {
            float[] direction = new float[slice.Length];
            if (slice.Shape.Length > 1)
            {
                new SeededRandom(seed ^ Mark, 2 * (ulong)slice.Offset + (ulong)number)
                    .FillNormal(direction, 1f);
                Normalize(direction, weights[slice.Name].ToArray(), slice.Shape[^1]);
            }
            to[slice.Name].Upload(direction);
        }
    }

    /// <summary>Scales every row of a direction to the length of the weights' row.</summary>
    internal static void Normalize(float[] direction, float[] weights, int columns)
    {
        for (int start = 0; start < direction.Length; start += columns)
        {
            Span<float> row = direction.AsSpan(start, columns);
            double factor = Norm(weights.AsSpan(start, columns)) / (Norm(row) + Least);
            for (int i = 0; i < row.Length; i++)
                row[i] = (float)(row[i] * factor);
        }
    }

    static double Norm(ReadOnlySpan<float> row)
    {
        double sum = 0;
        foreach (float v in row)
            sum += (double)v * v;
        return Math.Sqrt(sum);
    }
}
