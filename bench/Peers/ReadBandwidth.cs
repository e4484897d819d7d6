using System.Diagnostics;
using System.Numerics.Tensors;

namespace HeadTap.Peers;

/// <summary>How fast this machine reads memory now: all threads sum parts of an array that no cache
/// holds.</summary>
static class ReadBandwidth
{
    const int Floats = 1 << 27; // 512 MB, as GPT-2's weights

    static readonly float[] s_array = new float[Floats];

    /// <summary>Bytes per second of one reading.</summary>
    internal static double Measure(int threads)
    {
        var watch = Stopwatch.StartNew();
        float[] sums = new float[threads];
        Parallel.For(0, threads, new ParallelOptions { MaxDegreeOfParallelism = threads }, i =>
            sums[i] = TensorPrimitives.Sum(s_array.AsSpan(i * (Floats / threads), Floats / threads)));
        return sums.Sum() == 0 ? 4.0 * Floats / watch.Elapsed.TotalSeconds
            : throw new InvalidOperationException("zeros do not add up to zero");
    }
}
