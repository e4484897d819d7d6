using HeadTap.Runtime;

namespace HeadTap.Bench;

/// <summary>Seeded contents for benches.</summary>
static class BenchData
{
    /// <summary>Cuts a tensor of values around 0 with deviation about 1.</summary>
    internal static Tensor CutNormal(
        this TensorArena arena, string name, int seed, params ReadOnlySpan<int> shape)
    {
        Tensor tensor = arena.Cut(name, shape);
        tensor.Upload(Normal(seed, tensor.Length));
        return tensor;
    }

    /// <summary>Sums of three uniform values: near enough to normal, and quick for 50 million.</summary>
    internal static float[] Normal(int seed, long count)
    {
        var random = new Random(seed);
        float[] values = new float[count];
        for (long i = 0; i < count; i++)
            values[i] = 2 * (random.NextSingle() + random.NextSingle() + random.NextSingle() - 1.5f);
        return values;
    }

    internal static double[] Wide(float[] values) => Array.ConvertAll(values, v => (double)v);
}
