using ILGPU;

namespace HeadTap.Kernels;

/// <summary>Reductions across the threads of one group, in a fixed order.</summary>
static class GroupReduce
{
    /// <summary>Sums <paramref name="value"/> over the group and returns the total to every thread.</summary>
    /// <remarks>
    /// A binary tree over <paramref name="scratch"/> (one float a thread; the group is a power of two), so
    /// two runs add in the same order and agree bit for bit. Every thread must call it: it holds barriers.
    /// </remarks>
    internal static float Sum(float value, ArrayView<float> scratch)
    {
        AddHalves(value, scratch, 1);
        float total = At(scratch, 0);
        Group.Barrier(); // a second reduction may overwrite scratch[0] before a slow thread has read it
        return total;
    }

    /// <summary>
    /// Sums over the threads whose numbers differ by multiples of <paramref name="step"/>, a power of two,
    /// and returns the total to the first of them; what the others get means nothing. As <see cref="Sum"/>.
    /// </summary>
    internal static float SumOfEvery(int step, float value, ArrayView<float> scratch)
    {
        AddHalves(value, scratch, step);
        float total = At(scratch, Group.IdxX);
        Group.Barrier(); // as in Sum
        return total;
    }

    /// <summary>
    /// The largest <paramref name="value"/> of the group, to every thread; as <see cref="Sum"/>.
    /// </summary>
    internal static float Max(float value, ArrayView<float> scratch)
    {
        int lane = Group.IdxX;
        scratch[lane] = value;
        Group.Barrier(); // every value is there
        for (int half = Group.DimX / 2; half > 0; half /= 2)
        {
            if (lane < half && scratch[lane + half] > scratch[lane])
                scratch[lane] = scratch[lane + half];
            Group.Barrier(); // this level is compared before the next reads it
        }
        float max = At(scratch, 0);
        Group.Barrier(); // as in Sum
        return max;
    }

    static void AddHalves(float value, ArrayView<float> scratch, int last)
    {
        int lane = Group.IdxX;
        scratch[lane] = value;
        Group.Barrier(); // every value is there
        for (int half = Group.DimX / 2; half >= last; half /= 2)
        {
            if (lane < half)
                scratch[lane] += scratch[lane + half];
            Group.Barrier(); // this level is added before the next reads it
        }
    }

    // The condition always holds. It puts the load into a block of its own, which ILGPU 1.5.3 does not move:
    // where a load and its use stand in one block, its code placement moved the load of AttentionPrefix
    // behind the barrier between them, and the next reduction overwrote the value first.
    static float At(ArrayView<float> scratch, int index)
    {
        float value = 0f;
        if (Group.IdxX < Group.DimX)
            value = scratch[index];
        return value;
    }
}
