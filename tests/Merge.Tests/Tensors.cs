namespace HeadTap.Merge.Tests;

/// <summary>Tensors of random numbers, and merges of them.</summary>
static class Tensors
{
    /// <summary>Some normal numbers; every seventh magnitude occurs again with the other sign, so that cuts
    /// meet equal ones.</summary>
    internal static float[] Normal(int seed, int n, float scale = 1)
    {
        var random = new Random(seed);
        float[] values = new float[n];
        for (int i = 0; i < n; i++)
        {
            double u = 1 - random.NextDouble(), v = random.NextDouble();
            values[i] = i % 7 == 6 ? -values[i - 6]
                : scale * (float)(Math.Sqrt(-2 * Math.Log(u)) * Math.Cos(2 * Math.PI * v));
        }
        return values;
    }

    /// <summary>Models near a base.</summary>
    internal static HeldTensor Around(
        int models, int rows, int columns, out float[] baseModel, out float[][] all)
    {
        int n = rows * columns;
        float[] start = baseModel = Normal(100, n);
        all = [.. Enumerable.Range(1, models).Select(m =>
            Normal(m, n, 0.1f).Zip(start, (change, b) => b + change).ToArray())];
        return new HeldTensor("h.0.mlp.c_fc.weight", [rows, columns], all, baseModel);
    }

    /// <summary>The merge, written in pieces of a length.</summary>
    internal static float[] Merged(
        this MergeMethod method, ParentTensor tensor, TensorSettings? settings = null, int piece = 1000)
    {
        ITensorMerge merge = method.Open(tensor, settings ?? new());
        float[] all = new float[tensor.Length];
        for (int start = 0; start < all.Length; start += piece)
            merge.Write(start, all.AsSpan(start, Math.Min(piece, all.Length - start)));
        return all;
    }

    internal static double[] Wide(float[] values) => Array.ConvertAll(values, v => (double)v);

    /// <summary>Fails unless every number is the reference's, rounded: half a unit in the last place and
    /// float64's own error.</summary>
    internal static void AssertRounded(float[] found, double[] expected)
    {
        Assert.That(found, Has.Length.EqualTo(expected.Length));
        for (int i = 0; i < found.Length; i++)
        {
            double unit = Math.Abs((double)MathF.BitIncrement((float)Math.Abs(expected[i]))
                - (float)Math.Abs(expected[i]));
            Assert.That(Math.Abs(found[i] - expected[i]), Is.LessThanOrEqualTo(0.51 * unit + 1e-13),
                $"at {i}");
        }
    }
}
