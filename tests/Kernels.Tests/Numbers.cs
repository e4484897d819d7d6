using HeadTap.Models;

namespace HeadTap.Kernels.Tests;

/// <summary>Seeded test data, and its conversions.</summary>
static class Numbers
{
    /// <summary>Normal values around <paramref name="mean"/>.</summary>
    internal static float[] Normal(int seed, int count, float mean = 0f, float deviation = 1f)
    {
        var random = new SeededRandom((ulong)seed);
        float[] values = new float[count];
        for (int i = 0; i < count; i++)
            values[i] = mean + deviation * (float)random.NextNormal();
        return values;
    }

    /// <summary>Whole numbers in [0, end).</summary>
    internal static int[] Integers(int seed, int count, int end)
    {
        var random = new SeededRandom((ulong)seed);
        int[] values = new int[count];
        for (int i = 0; i < count; i++)
            values[i] = random.Next(end);
        return values;
    }

    internal static float[] Ones(int count) => [.. Enumerable.Repeat(1f, count)];

    internal static double[] Wide(float[] values) => Array.ConvertAll(values, v => (double)v);

    /// <summary>What an op that adds into a gradient of ones must leave there.</summary>
    internal static double[] PlusOne(double[] values) => Array.ConvertAll(values, v => v + 1.0);

    internal static float[] PlusOne(float[] values) => Array.ConvertAll(values, v => v + 1f);
}
