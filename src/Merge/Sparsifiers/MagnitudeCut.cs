namespace HeadTap.Merge;

/// <summary>
/// The largest <paramref name="kept"/> magnitudes of a task vector: those above a threshold, and of those
/// equal to it the first.
/// </summary>
/// <param name="threshold">The smallest magnitude kept.</param>
/// <param name="lastEqual">The place of the last number kept whose magnitude is the threshold.</param>
/// <param name="kept">How many are kept.</param>
readonly struct MagnitudeCut(float threshold, long lastEqual, long kept)
{
    // Magnitudes of float32 are ordered as their bits are: two counts of 16 bits each find any rank exactly,
    // with 65536 counters and no copy of the tensor.
    const int HighBits = 16, LowBits = 15;

    /// <summary>Whether a number at a place is kept.</summary>
    internal bool Keeps(long place, float value)
    {
        float magnitude = MathF.Abs(value);
        return kept > 0 && (magnitude > threshold || (magnitude == threshold && place <= lastEqual));
    }

    /// <summary>The smallest magnitude that is kept: the one of this rank.</summary>
    internal float Threshold => threshold;

    /// <summary>Finds the cut for the largest <paramref name="count"/> magnitudes of a task
    /// vector.</summary>
    internal static MagnitudeCut Of(ParentTensor tensor, int model, long count)
        => Of(tensor.Length, (start, to) => tensor.ReadTaskVector(model, start, to), count);

    /// <summary>Finds the cut for the largest <paramref name="count"/> magnitudes of numbers that are read
    /// in pieces, thrice.</summary>
    internal static MagnitudeCut Of(long length, PieceReader read, long count)
    {
        count = Math.Min(count, length);
        if (count <= 0)
            return default;
        long[] high = new long[1 << HighBits];
        Each(length, read, (_, bits) => high[bits >> LowBits]++);
        (int top, long above) = Rank(high, count);
        long[] low = new long[1 << LowBits];
        Each(length, read, (_, bits) =>
        {
            if (bits >> LowBits == top)
                low[bits & ((1 << LowBits) - 1)]++;
        });
        (int bottom, long aboveLow) = Rank(low, count - above);
        int found = (top << LowBits) | bottom;
        long equals = count - above - aboveLow, last = -1;
        Each(length, read, (place, bits) =>
        {
            if (bits == found && equals > 0)
            {
                equals--;
                last = place;
            }
        });
        return new(BitConverter.Int32BitsToSingle(found), last, count);
    }

    // The counter that holds the number of a rank from the top, and how many stand in counters above it.
    static (int Counter, long Above) Rank(long[] counts, long rank)
    {
        long above = 0;
        int counter = counts.Length - 1;
        while (above + counts[counter] < rank)
            above += counts[counter--];
        return (counter, above);
    }

    static void Each(long length, PieceReader read, Action<long, int> see)
    {
        float[] piece = new float[(int)Math.Min(ParentTensor.PieceLength, length)];
        for (long start = 0; start < length; start += piece.Length)
        {
            Span<float> vector = piece.AsSpan(0, (int)Math.Min(piece.Length, length - start));
            read(start, vector);
            for (int i = 0; i < vector.Length; i++)
                see(start + i, BitConverter.SingleToInt32Bits(vector[i]) & int.MaxValue);
        }
    }
}

/// <summary>Fills <paramref name="to"/> with numbers from <paramref name="start"/> on.</summary>
delegate void PieceReader(long start, Span<float> to);
