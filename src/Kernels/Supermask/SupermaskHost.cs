// SupermaskKernels on the host. The magnitude's 31 bits are chosen in three digits of 11, 10 and 10: after
// the first, which scans all scores, only the keys that share it are left, some hundredths of them where
// scores are not alike. They stay in the order of their indices: of equal magnitudes the rank is the place.

namespace HeadTap.Kernels;

/// <summary>Masks of scores on the host; formulas and shapes as in
/// <see cref="SupermaskKernels"/>.</summary>
public static unsafe class SupermaskHost
{
    const int ScoresPerRange = 32768; // two ranges in the MLP matrices of a model of width 128
    const int Digits = 2048, FirstShift = 20, SecondShift = 10;

    /// <summary>Writes mask: 0 for the count scores of lowest magnitude, 1 for the others.</summary>
    /// <param name="scores">[n]</param>
    /// <param name="mask">[n]</param>
    /// <param name="n">Scores, at most int.MaxValue: an index has 32 bits of a key.</param>
    /// <param name="count">0 to n.</param>
    public static void Mask(float* scores, float* mask, long n, long count)
    {
        if (count == 0 || count == n)
            ElementwiseHost.Fill(mask, n, count == 0 ? 1f : 0f);
        else
            HostSimd.Ranges(n, HostMap.Grain, new Masks(scores, mask, KeyOfRank(scores, n, count - 1)));
    }

    /// <summary>Writes dScores, 0 where the score is 0 or NaN; dScores may be dWeight.</summary>
    public static void Gradient(float* dWeight, float* weight, float* scores, float* dScores, long n)
        => HostSimd.Ranges(n, HostMap.Grain, new Gradients(dWeight, weight, scores, dScores));

    static long KeyOfRank(float* scores, long n, long rank)
    {
        int ranges = (int)((n + ScoresPerRange - 1) / ScoresPerRange);
        int* counts = (int*)HostScratch.Floats(0, (long)ranges * Digits);
        HostThreads.For(ranges, range => CountDigits(scores, n, range, counts + (long)range * Digits));
        int digit = 0;
        for (; ; digit++)
        {
            long here = 0;
            for (int range = 0; range < ranges; range++)
                here += counts[(long)range * Digits + digit];
            if (rank < here)
                break;
            rank -= here;
        }
        long candidates = 0;
        for (int range = 0; range < ranges; range++)
        {
            int* first = counts + (long)range * Digits;
            (first[0], candidates) = ((int)candidates, candidates + first[digit]); // where the range's begin
        }
        long* keys = (long*)HostScratch.Floats(1, 2 * candidates);
        HostThreads.For(ranges, range => Collect(
            scores, n, range, digit, keys + counts[(long)range * Digits]));
        candidates = Narrow(keys, candidates, SecondShift, ref rank, counts);
        Narrow(keys, candidates, 0, ref rank, counts);
        return keys[rank];
    }

    static void CountDigits(float* scores, long n, int range, int* counts)
    {
        new Span<int>(counts, Digits).Clear();
        long end = Math.Min(n, (range + 1L) * ScoresPerRange);
        for (long i = (long)range * ScoresPerRange; i < end; i++)
            counts[MagnitudeOf(scores + i) >> FirstShift]++;
    }

    static void Collect(float* scores, long n, int range, int digit, long* keys)
    {
        long end = Math.Min(n, (range + 1L) * ScoresPerRange);
        for (long i = (long)range * ScoresPerRange; i < end; i++)
        {
            int magnitude = MagnitudeOf(scores + i);
            if (magnitude >> FirstShift == digit)
                *keys++ = (long)magnitude << 32 | (uint)i;
        }
    }

    // As SupermaskKernels', without a branch: scores have no order to predict.
    static int MagnitudeOf(float* score)
        => Math.Min(*(int*)score & int.MaxValue, SupermaskKernels.InfinityBits + 1);

    // Keeps the keys that share the next ten bits with the one of that rank, in their order.
    static long Narrow(long* keys, long length, int shift, ref long rank, int* counts)
    {
        const int most = (1 << SecondShift) - 1;
        new Span<int>(counts, most + 1).Clear();
        for (long k = 0; k < length; k++)
            counts[(int)(keys[k] >> (32 + shift)) & most]++;
        int digit = 0;
        for (; rank >= counts[digit]; digit++)
            rank -= counts[digit];
        long kept = 0;
        for (long k = 0; k < length; k++)
            if (((int)(keys[k] >> (32 + shift)) & most) == digit)
                keys[kept++] = keys[k];
        return kept;
    }

    readonly struct Masks(float* scores, float* mask, long last) : IHostBody
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            int magnitude = (int)(last >> 32);
            long index = (int)last, i = first;
            // Up to that index a magnitude equal to the last one is masked, after it is not: |s| < bound,
            // which is exact where the bound is a number, and NaN is never below it.
            if (magnitude < SupermaskKernels.InfinityBits)
            {
                i = Below<TWidth, TVector>(i, Math.Min(end, index + 1), magnitude + 1);
                i = Below<TWidth, TVector>(i, end, magnitude);
            }
            for (; i < end; i++)
            {
                int m = MagnitudeOf(scores + i);
                mask[i] = m < magnitude || (m == magnitude && i <= index) ? 0f : 1f;
            }
        }

        long Below<TWidth, TVector>(long i, long end, int bound)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            TVector zero = TWidth.Create(0f), one = TWidth.Create(1f);
            float value = BitConverter.Int32BitsToSingle(bound);
            for (; i + TWidth.Lanes <= end; i += TWidth.Lanes)
                TWidth.Store(TWidth.IfLess(TWidth.Abs(TWidth.Load(scores + i)), TWidth.Create(value),
                    zero, one), mask + i);
            for (; i < end; i++)
                mask[i] = MathF.Abs(scores[i]) < value ? 0f : 1f;
            return i;
        }
    }

    readonly struct Gradients(float* dWeight, float* weight, float* scores, float* dScores) : IHostBody
    {
        public void Run<TWidth, TVector>(long first, long end)
            where TVector : struct
            where TWidth : struct, ISimd<TVector>
        {
            TVector zero = TWidth.Create(0f);
            long i = first;
            for (; i + TWidth.Lanes <= end; i += TWidth.Lanes)
            {
                TVector product = TWidth.Multiply(TWidth.Load(dWeight + i), TWidth.Load(weight + i));
                TVector score = TWidth.Load(scores + i);
                TWidth.Store(TWidth.IfLess(zero, score, product,
                    TWidth.IfLess(score, zero, TWidth.Subtract(zero, product), zero)), dScores + i);
            }
            for (; i < end; i++)
            {
                float product = dWeight[i] * weight[i];
                dScores[i] = scores[i] > 0f ? product : scores[i] < 0f ? 0f - product : 0f;
            }
        }
    }
}
