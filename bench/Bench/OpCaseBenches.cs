using HeadTap.OpCases;
using HeadTap.Runtime;

namespace HeadTap.Bench;

/// <summary>The benches of every op, from its description in tests/OpCases.</summary>
static class OpCaseBenches
{
    // An oracle beyond this takes seconds; the op is then checked at its largest small shape.
    const double OracleFlops = 3e7, OracleBytes = 1e8;

    /// <summary>Benches whose family or name matches, one at a time: each has its tensors while it is
    /// timed.</summary>
    internal static IEnumerable<OpBench> Create(ComputeDevice device, Func<string, bool> matches)
    {
        foreach (OpCase op in OpCase.All.OrderBy(c => c.BenchFamily, StringComparer.Ordinal))
        {
            foreach (OpInstance instance in op.Benches)
            {
                if (!matches(op.BenchFamily) && !matches(instance.BenchName))
                    continue;
                using var run = new OpRun(device, instance, isTimed: true);
                yield return new(instance.BenchName, instance.Shape, instance.Bytes.Value,
                    instance.Flops.Value, run.Run, () => Error(device, instance));
            }
        }
    }

    static double Error(ComputeDevice device, OpInstance timed)
    {
        OpInstance instance = timed.Flops.Value <= OracleFlops && timed.Bytes.Value <= OracleBytes
            ? timed : timed.Case.Small.Last();
        using var run = new OpRun(device, instance);
        run.Run();
        if (timed.Case.Exactness != Exactness.BitsOfOtherOps)
            return instance.Compare(run).Select(r => OpBench.Error(r.Exact, r.Found)).DefaultIfEmpty().Max();
        List<(string Name, int[] Bits)> found = [.. run.Bits()];
        run.Reset();
        instance.Separately(run);
        return run.Bits().Zip(found).All(p => p.First.Bits.AsSpan().SequenceEqual(p.Second.Bits))
            ? 0 : double.NaN;
    }
}
