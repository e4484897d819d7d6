using System.Buffers;
using System.Numerics;
using System.Numerics.Tensors;

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

    /// <summary>Replaces the numbers that are not kept by 0; <paramref name="start"/> is the place of the
    /// first.</summary>
    internal void KeepIn(long start, Span<float> vector)
    {
        var bound = new Vector<float>(threshold);
        int i = 0;
        while (i < vector.Length)
        {
            if (kept > 0 && i + Vector<float>.Count <= vector.Length)
            {
                Vector<float> values = new(vector[i..]), magnitudes = Vector.Abs(values);
                if (!Vector.EqualsAny(magnitudes, bound)) // where they are equal the place decides
                {
                    (values & Vector.AsVectorSingle(Vector.GreaterThan(magnitudes, bound)))
                        .CopyTo(vector[i..]);
                    i += Vector<float>.Count;
                    continue;
                }
            }
            for (int end = Math.Min(i + Vector<float>.Count, vector.Length); i < end; i++)
                if (!Keeps(start + i, vector[i]))
                    vector[i] = 0;
        }
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
        (int top, long above) = Rank(HighCounts(length, read), count);
        (int bottom, long aboveLow) = Rank(LowCounts(length, read, top), count - above);
        int found = (top << LowBits) | bottom;
        return new(BitConverter.Int32BitsToSingle(found),
            Place(length, read, found, count - above - aboveLow), count);
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

    // How often the upper bits of a magnitude occur.
    static long[] HighCounts(long length, PieceReader read) => Counts(length, read, 1 << HighBits,
        (values, counts) =>
        {
            foreach (float value in values)
                counts[Bits(value) >> LowBits]++;
        });

    // How often the lower bits occur below some upper ones.
    static long[] LowCounts(long length, PieceReader read, int top) => Counts(length, read, 1 << LowBits,
        (values, counts) =>
        {
            for (int i = 0; (i = Next(values, i, LowBits, top)) < values.Length; i++)
                counts[Bits(values[i]) & ((1 << LowBits) - 1)]++;
        });

    // Sums of whole numbers are the same in any order.
    static long[] Counts(long length, PieceReader read, int counters, PieceCounter count)
    {
        long[] all = new long[counters];
        Lock adding = new();
        Parallel.For(0L, Pieces(length), () => new long[counters], (piece, _, counts) =>
        {
            OfPiece(length, read, piece, (_, values) => count(values, counts));
            return counts;
        }, counts =>
        {
            lock (adding)
                TensorPrimitives.Add(all, counts, all);
        });
        return all;
    }

    // The place of the number that is the count-th of those with these bits.
    static long Place(long length, PieceReader read, int found, long count)
    {
        long[] equals = new long[Pieces(length)];
        Parts.Each(equals.Length, piece => OfPiece(length, read, piece, (_, values) =>
        {
            for (int i = 0; (i = Next(values, i, 0, found)) < values.Length; i++)
                equals[piece]++;
        }));
        int at = 0;
        while (count > equals[at])
            count -= equals[at++];
        long last = -1;
        OfPiece(length, read, at, (start, values) =>
        {
            for (int i = 0; count > 0 && (i = Next(values, i, 0, found)) < values.Length; i++, count--)
                last = start + i;
        });
        return last;
    }

    delegate void PieceCounter(ReadOnlySpan<float> values, long[] counts);

    delegate void PieceUser(long start, ReadOnlySpan<float> values);

    static long Pieces(long length) => (length + ParentTensor.PieceLength - 1) / ParentTensor.PieceLength;

    // The first place from one on whose bits, without the lowest, are these; the length if there is none.
    static int Next(ReadOnlySpan<float> values, int from, int without, int wanted)
    {
        int i = from;
        for (; i + Vector<int>.Count <= values.Length; i += Vector<int>.Count)
        {
            Vector<int> bits = Vector.AsVectorInt32(new Vector<float>(values[i..]))
                & new Vector<int>(int.MaxValue);
            if (Vector.EqualsAny(bits >>> without, new Vector<int>(wanted)))
                break;
        }
        while (i < values.Length && Bits(values[i]) >> without != wanted)
            i++;
        return i;
    }

    static int Bits(float value) => BitConverter.SingleToInt32Bits(value) & int.MaxValue;

    static void OfPiece(long length, PieceReader read, long piece, PieceUser use)
    {
        long start = piece * ParentTensor.PieceLength;
        int n = (int)Math.Min(ParentTensor.PieceLength, length - start);
        float[] rented = ArrayPool<float>.Shared.Rent(n);
        Span<float> vector = rented.AsSpan(0, n);
        read(start, vector);
        use(start, vector);
        ArrayPool<float>.Shared.Return(rented);
    }
}

/// <summary>Fills <paramref name="to"/> with numbers from <paramref name="start"/> on.</summary>
delegate void PieceReader(long start, Span<float> to);
