using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.Bench.BenchData;

namespace HeadTap.Bench;

/// <summary>Cross-entropy and KL over GPT-2's vocabulary.</summary>
sealed class LossesBench : IBenchFamily
{
    const int Rows = 256, V = 50257, Sample = 2;

    public string Name => "losses";

    public IEnumerable<OpBench> Create(ComputeDevice device)
    {
        using var arena = new TensorArena(device, 3L * Rows * V + 4 * Rows + 256);
        var ops = new Ops(device);
        Tensor logits = arena.CutNormal("logits", 1, Rows, V);
        Tensor other = arena.CutNormal("targetLogits", 2, Rows, V);
        Tensor dLogits = arena.Cut("dLogits", Rows, V), losses = arena.Cut("losses", Rows);
        int[] ids = [.. Enumerable.Range(0, Rows).Select(r => r * 7919 % V)];
        IndexTensor targets = arena.UploadIndices("targets", ids);
        double bytes = 4.0 * Rows * V, flops = (double)Rows * V;
        string shape = $"{Rows} x {V}";

        double[] Exact(Tensor x) => Wide(x.SliceRows(0, Sample).ToArray());
        double Check(Action run, Func<double[]> exactLosses, Func<double[]> exactGradient)
        {
            run();
            return Math.Max(
                OpBench.Error(exactLosses(), losses.ToArray()),
                OpBench.Error(exactGradient(), dLogits.SliceRows(0, Sample).ToArray()));
        }
        void CrossEntropy() => ops.CrossEntropy(logits, targets, losses, dLogits, 1f / Rows);
        void Kl() => ops.KlDivergence(other, logits, losses, dLogits, 1f / Rows);

        yield return new("cross-entropy losses", shape, bytes, 3 * flops,
            () => ops.CrossEntropy(logits, targets, losses, null, 1f));
        yield return new("cross-entropy and gradient", shape, 2 * bytes, 6 * flops, CrossEntropy,
            () => Check(CrossEntropy,
                () => CrossEntropyReference.Forward(Exact(logits), ids[..Sample]),
                () => CrossEntropyReference.Backward(Exact(logits), ids[..Sample], 1.0 / Rows)));
        yield return new("kl losses", shape, 2 * bytes, 10 * flops,
            () => ops.KlDivergence(other, logits, losses, null, 1f));
        yield return new("kl and gradient", shape, 3 * bytes, 14 * flops, Kl,
            () => Check(Kl,
                () => KlDivergenceReference.Forward(Exact(other), Exact(logits), Sample),
                () => KlDivergenceReference.Backward(Exact(other), Exact(logits), Sample, 1.0 / Rows)));
    }
}
