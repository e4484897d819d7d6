using HeadTap.Runtime;

namespace HeadTap.Bench;

/// <summary>
/// KL divergence of x W + b with its gradients, GPT-2's width and vocabulary: the vocabulary in chunks,
/// beside the same with all logits held.
/// </summary>
sealed class VocabularyLossBench : IBenchFamily
{
    const int K = 768, V = 50257;

    public string Name => "vocabulary loss";

    public IEnumerable<OpBench> Create(ComputeDevice device)
        => ((int[])[32, 512]).SelectMany(rows => Create(device, rows));

    static IEnumerable<OpBench> Create(ComputeDevice device, int rows)
    {
        long floats = 2L * K * V + 2 * V + 2L * rows * V + 2L * rows * K + rows
            + VocabularyLoss.ScratchFloats(rows) + 4096;
        using var arena = new TensorArena(device, floats);
        var ops = new Ops(device);
        Tensor x = arena.CutNormal("x", 1, rows, K), target = arena.CutNormal("target", 2, rows, V);
        var map = new VocabularyMap(arena.CutNormal("w", 3, K, V),
            arena.CutNormal("b", 4, V), Transposed: false);
        var gradient = new VocabularyMap(arena.Cut("dW", K, V), arena.Cut("db", V), Transposed: false);
        Tensor dX = arena.Cut("dX", rows, K), losses = arena.Cut("losses", rows),
            logits = arena.Cut("logits", rows, V);
        var chunked = new VocabularyLoss(ops, arena, rows);
        var held = new TargetLogits.Held(target);
        string shape = $"{rows} x {K} x {V}";
        double product = 2.0 * rows * K * V, weights = 4.0 * K * V;

        void Chunked() => chunked.KlDivergence(held, x, map, losses, dX, gradient, 1f / rows);
        void Whole()
        {
            ops.MatMul(x, map.Weight, map.Bias, logits);
            ops.KlDivergence(target, logits, losses, logits, 1f / rows);
            ops.MatMulTransposed(logits, map.Weight, dX);
            ops.MatMulWeightGradient(x, logits, gradient.Weight);
            ops.BiasGradient(logits, gradient.Bias!);
        }
        double Apart()
        {
            Whole();
            double[] exact = Array.ConvertAll(dX.ToArray(), v => (double)v);
            Chunked();
            return OpBench.Error(exact, dX.ToArray());
        }

        yield return new("kl of x W, logits held", shape, 4 * weights, 3 * product, Whole);
        yield return new("kl of x W, in chunks", shape, 5 * weights, 4 * product, Chunked, Apart);
    }
}
