// Scores of weights and the mask they choose (Ramanujan et al. 2020, "What's hidden in a randomly weighted
// neural network?", section 3): the weights of lowest |score| are switched off.
//
//     mask[i]    = 0 for the count elements of lowest (|scores[i]|, i), else 1
//     dScores[i] = dWeight[i] weight[i] sign(scores[i])       straight through: d mask / d |score| := 1
//
//   scores, mask, dWeight, weight, dScores   [n]      work   [passes, groups, 16] counts, then [passes, 3]
//
// An element's key is its magnitude's bits above its index: no two are alike, so exactly count masks are 0,
// ties go by index, and NaN counts as larger than infinity. The key of rank count - 1 is found digit by digit
// (4 bits per pass, those of the index last): Digits counts the digits of keys that agree so far with the one
// sought, and the launch after it chooses among them. Every thread counts for itself, for PoCL 3.1 does not
// compile atomic additions.
//
// Host body: SupermaskHost.cs.   Oracle: tests/Reference/SupermaskReference.cs.

using ILGPU;

namespace HeadTap.Kernels;

/// <summary>The mask of the highest scores, and the scores' gradient.</summary>
public static class SupermaskKernels
{
    /// <summary>Threads per group; a power of two, because the tree sum halves it.</summary>
    public const int BlockSize = 256;

    /// <summary>Groups of a grid at most: one thread per group adds their counts.</summary>
    public const int MostGroups = BlockSize;

    /// <summary>Passes that the magnitude takes; the digits of the index come after them.</summary>
    public const int KeyPasses = 8;

    const int DigitBits = 4, Values = 1 << DigitBits;

    // What is known of the key sought: its magnitude and index as far as they are chosen, and its rank among
    // the keys that begin so.
    const int Choice = 3, ChosenKey = 0, ChosenIndex = 1, Rank = 2;

    /// <summary>Passes over <paramref name="n"/> scores, n at least 2.</summary>
    public static int Passes(int n)
    {
        int passes = KeyPasses;
        for (int highest = n - 1; highest > 0; highest >>= DigitBits)
            passes++;
        return passes;
    }

    /// <summary>Ints that work needs.</summary>
    public static int WorkLength(int passes, int groups) => passes * (groups * Values + Choice);

    /// <summary>
    /// Writes into work how often each digit of a pass occurs in the keys that begin as the passes before it
    /// chose. Grid: up to <see cref="MostGroups"/>, the same for all passes. Group: <see cref="BlockSize"/>.
    /// </summary>
    /// <param name="scores">[n]</param>
    /// <param name="work">Laid out as above; only what an earlier pass wrote is read.</param>
    /// <param name="pass">0 to passes - 1.</param>
    /// <param name="passes"><see cref="Passes"/></param>
    /// <param name="rank">The rank of the key sought: count - 1.</param>
    public static void Digits(ArrayView<float> scores, ArrayView<int> work, int pass, int passes, int rank)
    {
        ArrayView<int> counts = SharedMemory.Allocate<int>(Values * BlockSize);
        ArrayView<int> chosen = SharedMemory.Allocate<int>(Choice);
        Choose(work, counts, chosen, pass, passes, rank);
        long low = Key(chosen[ChosenKey], chosen[ChosenIndex]);
        if (Grid.IdxX == 0 && Group.IdxX < Choice)
            work[ChoiceAt(pass, passes) + Group.IdxX] = chosen[Group.IdxX];
        for (int value = 0; value < Values; value++)
            counts[value * BlockSize + Group.IdxX] = 0;
        int shift = Shift(pass, passes);
        for (long i = (long)Grid.IdxX * BlockSize + Group.IdxX; i < scores.Length;
            i += (long)Grid.DimX * BlockSize)
        {
            long key = Key(MagnitudeOf(scores[i]), (int)i);
            if ((key - low) >> shift >> DigitBits == 0) // in two steps: a shift by 64 bits is one by none
                counts[((int)(key >> shift) & (Values - 1)) * BlockSize + Group.IdxX]++;
        }
        AddThreads(counts);
        if (Group.IdxX < Values)
            work[(pass * Grid.DimX + Grid.IdxX) * Values + Group.IdxX] = counts[Group.IdxX * BlockSize];
    }

    /// <summary>Writes mask: 0 up to the key that the passes found. Grid and group as theirs.</summary>
    public static void Mask(ArrayView<float> scores, ArrayView<int> work, ArrayView<float> mask, int passes)
    {
        ArrayView<int> counts = SharedMemory.Allocate<int>(Values * BlockSize);
        ArrayView<int> chosen = SharedMemory.Allocate<int>(Choice);
        Choose(work, counts, chosen, passes, passes, 0);
        long last = Key(chosen[ChosenKey], chosen[ChosenIndex]);
        for (long i = (long)Grid.IdxX * BlockSize + Group.IdxX; i < scores.Length;
            i += (long)Grid.DimX * BlockSize)
            mask[i] = Key(MagnitudeOf(scores[i]), (int)i) <= last ? 0f : 1f;
    }

    /// <summary>Writes dScores, 0 where the score is 0 or NaN; dScores may be dWeight.</summary>
    public static void Gradient(ArrayView<float> dWeight, ArrayView<float> weight,
        ArrayView<float> scores, ArrayView<float> dScores)
    {
        for (long i = ElementLoop.First; i < dScores.Length; i += ElementLoop.Step)
        {
            float product = dWeight[i] * weight[i];
            dScores[i] = scores[i] > 0f ? product : scores[i] < 0f ? -product : 0f;
        }
    }

    /// <summary>The magnitude's bits, in the order of the magnitudes; any NaN above infinity.</summary>
    internal static int MagnitudeOf(float score)
    {
        int bits = (int)Interop.FloatAsInt(score) & int.MaxValue;
        return bits > InfinityBits ? InfinityBits + 1 : bits;
    }

    /// <summary>The bits of infinity.</summary>
    internal const int InfinityBits = 0x7F800000;

    static long Key(int magnitude, int index) => (long)magnitude << 32 | (uint)index;

    static int Shift(int pass, int passes)
        => pass < KeyPasses ? 32 + DigitBits * (KeyPasses - 1 - pass) : DigitBits * (passes - 1 - pass);

    // After the counts of all passes.
    static int ChoiceAt(int pass, int passes) => passes * Grid.DimX * Values + pass * Choice;

    /// <summary>
    /// Leaves in chosen the digits of the key sought up to this pass and its rank among the keys that have
    /// them. Every thread must call it: it holds barriers.
    /// </summary>
    static void Choose(ArrayView<int> work, ArrayView<int> counts, ArrayView<int> chosen,
        int pass, int passes, int rank)
    {
        int group = Group.IdxX;
        for (int value = 0; value < Values; value++)
            counts[value * BlockSize + group] = pass > 0 && group < Grid.DimX
                ? work[((pass - 1) * Grid.DimX + group) * Values + value] : 0;
        AddThreads(counts);
        if (Group.IdxX == 0)
        {
            long key = 0;
            if (pass > 0)
            {
                int last = ChoiceAt(pass - 1, passes);
                rank = work[last + Rank];
                int digit = 0;
                while (digit < Values - 1 && rank >= counts[digit * BlockSize])
                {
                    rank -= counts[digit * BlockSize];
                    digit++;
                }
                key = Key(work[last + ChosenKey], work[last + ChosenIndex])
                    | (long)digit << Shift(pass - 1, passes);
            }
            chosen[ChosenKey] = (int)(key >> 32);
            chosen[ChosenIndex] = (int)key;
            chosen[Rank] = rank;
        }
        Group.Barrier(); // the choice is there, and the counts may be overwritten
    }

    // Leaves each value's sum over the threads with thread 0.
    static void AddThreads(ArrayView<int> counts)
    {
        Group.Barrier(); // every thread's counts are there
        for (int half = BlockSize / 2; half > 0; half /= 2)
        {
            if (Group.IdxX < half)
                for (int value = 0; value < Values; value++)
                    counts[value * BlockSize + Group.IdxX] += counts[value * BlockSize + Group.IdxX + half];
            Group.Barrier(); // this level is added before the next reads it
        }
    }
}
