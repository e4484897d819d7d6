using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>The two steps of a supermask that are no products, on the host.</summary>
static class SupermaskLoops
{
    const int Bits = 31, Digit = 16; // of |s|, read as a whole number: the order is the same

    /// <summary>
    /// Writes 0 for the <paramref name="count"/> scores of lowest |s|, 1 for the others; of equals the
    /// earlier is the lower.
    /// </summary>
    internal static void LowestMask(Tensor scores, int count, Tensor mask)
    {
        float[] values = scores.ToArray(), kept = new float[values.Length];
        Array.Fill(kept, 1f);
        if (count > 0)
            Lowest(values, count, kept);
        mask.Upload(kept);
    }

    /// <summary>Writes dS = dW' W sign(s), with sign(0) = 0; dS may be dW'.</summary>
    internal static void Gradient(Tensor dWeight, Tensor weight, Tensor scores, Tensor dScores)
    {
        float[] d = dWeight.ToArray(), w = weight.ToArray(), s = scores.ToArray();
        for (int i = 0; i < d.Length; i++)
            d[i] *= w[i] * (s[i] > 0 ? 1f : s[i] < 0 ? -1f : 0f);
        dScores.Upload(d);
    }

    // Two counts by digits find the last key that is taken, and how many of its equals are.
    static void Lowest(float[] values, int count, float[] kept)
    {
        int[] high = new int[1 << (Bits - Digit)], low = new int[1 << Digit];
        foreach (float value in values)
            high[Key(value) >> Digit]++;
        int left = count, first = Find(high, ref left);
        foreach (float value in values)
            if (Key(value) >> Digit == first)
                low[Key(value) & ((1 << Digit) - 1)]++;
        int last = first << Digit | Find(low, ref left);
        for (int i = 0; i < values.Length; i++)
        {
            int key = Key(values[i]);
            if (key < last || (key == last && left-- > 0))
                kept[i] = 0;
        }
    }

    // The digit of the count-th; count becomes how many of that digit are wanted.
    static int Find(int[] histogram, ref int count)
    {
        int digit = 0;
        while (histogram[digit] < count)
            count -= histogram[digit++];
        return digit;
    }

    static int Key(float value) => BitConverter.SingleToInt32Bits(value) & int.MaxValue;
}
