using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.Bench.BenchData;

namespace HeadTap.Bench;

/// <summary>Updates of as many weights as GPT-2's token embedding has.</summary>
sealed class OptimizersBench : IBenchFamily
{
    const int Rows = 50257, C = 768, N = Rows * C, Sample = 1000;

    public string Name => "optimizers";

    public IEnumerable<OpBench> Create(ComputeDevice device)
    {
        using var arena = new TensorArena(device, 5L * N + Rows + C + 4096);
        var ops = new Ops(device);
        Tensor weight = arena.CutNormal("weight", 1, N), gradient = arena.CutNormal("gradient", 2, N);
        Tensor m = arena.Cut("m", N), v = arena.Cut("v", N);
        var adam = new AdamWStep(1e-4f, 0.9f, 0.999f, 1e-8f, 0.1f, 1);
        var sgd = new SgdStep(1e-4f, 0.9f, 0, 0.1f, false, false);

        double Check()
        {
            double[] w = Wide(weight.Slice("w", 0, Sample).ToArray());
            ops.AdamW(gradient, weight, m, v, adam); // the moments are zeros: this is step 1
            OptimizerReference.AdamW(w, Wide(gradient.Slice("g", 0, Sample).ToArray()), new double[Sample],
                new double[Sample], adam.LearningRate, adam.Beta1, adam.Beta2, adam.Epsilon,
                adam.WeightDecay, 1, 1);
            return OpBench.Error(w, weight.Slice("w", 0, Sample).ToArray());
        }
        string shape = $"{N}";
        yield return new("adamw", shape, 28.0 * N, 14.0 * N,
            () => ops.AdamW(gradient, weight, m, v, adam with { Step = 10 }), Check);
        foreach (OpBench bench in FewerBytes(arena, ops, weight, gradient, m, adam))
            yield return bench;
        yield return new("sgd with momentum", shape, 20.0 * N, 7.0 * N,
            () => ops.Sgd(gradient, weight, m, sgd));
        yield return new("sgd", shape, 12.0 * N, 4.0 * N,
            () => ops.Sgd(gradient, weight, m, sgd with { Momentum = 0 }));
    }

    // Moments in 8 bits and factored; checked on the first rows, whose moments are zeros until then.
    static IEnumerable<OpBench> FewerBytes(
        TensorArena arena, Ops ops, Tensor weight, Tensor gradient, Tensor m, AdamWStep adam)
    {
        const int blocks = N / Ops.MomentBlockLength;
        IndexTensor mCodes = arena.CutIndices("m codes", N / 4), vCodes = arena.CutIndices("v codes", N / 4);
        Tensor units = arena.Cut("units", 2 * blocks);
        Tensor rows = arena.Cut("rows", Rows), columns = arena.Cut("columns", C);
        Tensor w = weight.Reshape(Rows, C), g = gradient.Reshape(Rows, C), moments = m.Reshape(Rows, C);

        double Check8Bit()
        {
            var exact = new AdamW8BitReference<double>(
                Wide(weight.Slice("w", 0, C).ToArray()), new sbyte[C], new byte[C],
                new double[2 * C / Ops.MomentBlockLength]);
            exact.Step(Wide(gradient.Slice("g", 0, C).ToArray()), adam.LearningRate, adam.Beta1, adam.Beta2,
                adam.Epsilon, adam.WeightDecay, 1, 1);
            ops.AdamW8Bit(gradient, weight, mCodes, vCodes, units, adam);
            return OpBench.Error(exact.Weight, weight.Slice("w", 0, C).ToArray());
        }
        double CheckFactored()
        {
            const int some = 4;
            double[] exact = Wide(w.SliceRows(0, some).ToArray());
            AdamWFactoredReference.Step(exact, Wide(g.SliceRows(0, some).ToArray()), new double[some * C],
                new double[some], new double[C], adam.LearningRate, adam.Beta1, adam.Beta2, adam.Epsilon,
                adam.WeightDecay, 1, 1);
            ops.Fill(moments, 0f);
            ops.AdamWFactored(g.SliceRows(0, some), w.SliceRows(0, some), moments.SliceRows(0, some),
                rows.Slice("rows", 0, some), columns, adam);
            return OpBench.Error(exact, w.SliceRows(0, some).ToArray());
        }
        yield return new("adamw, 8-bit moments", $"{N}", 16.0 * N, 26.0 * N,
            () => ops.AdamW8Bit(gradient, weight, mCodes, vCodes, units, adam with { Step = 10 }), Check8Bit);
        yield return new("adamw, factored", $"{Rows} x {C}", 24.0 * N, 17.0 * N,
            () => ops.AdamWFactored(g, w, moments, rows, columns, adam with { Step = 10 }), CheckFactored);
    }
}
