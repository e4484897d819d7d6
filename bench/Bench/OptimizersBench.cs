using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.Bench.BenchData;

namespace HeadTap.Bench;

/// <summary>Updates of as many weights as GPT-2's token embedding has.</summary>
sealed class OptimizersBench : IBenchFamily
{
    const int N = 50257 * 768, Sample = 1000;

    public string Name => "optimizers";

    public IEnumerable<OpBench> Create(ComputeDevice device)
    {
        using var arena = new TensorArena(device, 4L * N + 256);
        var ops = new Ops(device);
        Tensor weight = arena.CutNormal("weight", 1, N), gradient = arena.CutNormal("gradient", 2, N);
        Tensor m = arena.Cut("m", N), v = arena.Cut("v", N);
        var adam = new AdamWStep(1e-4f, 0.9f, 0.999f, 1e-8f, 0.1f, 1);
        var sgd = new SgdStep(1e-4f, 0.9f, 0, 0.1f, false, false);

        double Check()
        {
            double[] w = Wide(weight.Slice("w", 0, Sample).ToArray());
            ops.AdamW(weight, gradient, m, v, adam); // the moments are zeros: this is step 1
            OptimizerReference.AdamW(w, Wide(gradient.Slice("g", 0, Sample).ToArray()), new double[Sample],
                new double[Sample], adam.LearningRate, adam.Beta1, adam.Beta2, adam.Epsilon,
                adam.WeightDecay, 1, 1);
            return OpBench.Error(w, weight.Slice("w", 0, Sample).ToArray());
        }
        string shape = $"{N}";
        yield return new("adamw", shape, 28.0 * N, 14.0 * N,
            () => ops.AdamW(weight, gradient, m, v, adam with { Step = 10 }), Check);
        yield return new("sgd with momentum", shape, 20.0 * N, 7.0 * N,
            () => ops.Sgd(weight, gradient, m, sgd));
        yield return new("sgd", shape, 12.0 * N, 4.0 * N,
            () => ops.Sgd(weight, gradient, m, sgd with { Momentum = 0 }));
    }
}
