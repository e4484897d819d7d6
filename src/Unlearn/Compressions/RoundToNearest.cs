namespace HeadTap.Unlearn;

/// <summary>
/// Rounds every weight to the nearest of 2^bits - 1 values, symmetric about 0, with one scale for 64 inputs
/// of an output: <c>s = max |w| / (2^(bits - 1) - 1), w := s round(w / s)</c>; halves go to the even step. It
/// needs no data, as attacks on unlearning that round weights (Zhang et al. 2024, arXiv 2410.16454).
/// </summary>
/// <param name="Bits">Bits of a weight: 8 or 4.</param>
public sealed record RoundToNearest(int Bits) : WeightCompression
{
    /// <summary>Inputs of an output that share a scale.</summary>
    public const int Group = 64;

    /// <inheritdoc/>
    public override string Name => $"quantise:int{Bits}";

    internal override void Compress(float[] weights, int outputs)
    {
        int inputs = weights.Length / outputs, most = (1 << (Bits - 1)) - 1;
        for (int first = 0; first < inputs; first += Group)
        {
            int end = Math.Min(first + Group, inputs);
            for (int o = 0; o < outputs; o++)
            {
                double largest = 0;
                for (int i = first; i < end; i++)
                    largest = Math.Max(largest, Math.Abs(weights[i * outputs + o]));
                double scale = largest / most;
                if (scale == 0)
                    continue;
                for (int i = first; i < end; i++)
                    weights[i * outputs + o] =
                        (float)(scale * Math.Round(weights[i * outputs + o] / scale));
            }
        }
    }
}
