using HeadTap.Runtime;

namespace HeadTap.Bench;

/// <summary>One op at one shape: how to run it, its costs by docs/kernels.md, how to check it.</summary>
/// <param name="Name">Op and direction: <c>layernorm forward</c>.</param>
/// <param name="Shape">Sizes as read in a table: <c>1024 x 768</c>.</param>
/// <param name="Bytes">Bytes one run must move, each operand counted once.</param>
/// <param name="Flops">Operations of one run; a multiply-add is two. 0 where none are counted.</param>
/// <param name="Run">One run; it may return before the device has finished.</param>
/// <param name="Check">Runs once and returns <see cref="Error"/> against the oracle, on a sample.</param>
sealed record OpBench(
    string Name, string Shape, double Bytes, double Flops, Action Run, Func<double>? Check = null)
{
    /// <summary>Largest error, as a share of the largest exact value. NaN where one of them is.</summary>
    internal static double Error(ReadOnlySpan<double> exact, ReadOnlySpan<float> given)
    {
        double scale = 1e-30, error = 0;
        for (int i = 0; i < exact.Length; i++)
        {
            if (!double.IsFinite(exact[i]) && ((double)given[i]).Equals(exact[i]))
                continue; // infinities and NaN that are right have no distance
            scale = Math.Max(scale, Math.Abs(exact[i]));
            error = Math.Max(error, Math.Abs(given[i] - exact[i]));
        }
        return error / scale;
    }
}

/// <summary>
/// Benches that are no op by itself: several ops beside what they replace. Every type that implements this is
/// found by itself; <see cref="Create"/> is an iterator, so its arena lives while its benches run. Ops have
/// their benches from tests/OpCases.
/// </summary>
interface IBenchFamily
{
    /// <summary>What <c>--filter</c> matches, besides names of benches.</summary>
    string Name { get; }

    IEnumerable<OpBench> Create(ComputeDevice device);
}
