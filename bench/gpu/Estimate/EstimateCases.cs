using HeadTap.Models;
using HeadTap.PtxMachine;
using HeadTap.Runtime;

namespace HeadTap.Gpu;

/// <summary>What is estimated: the bench's products, the ops beside them and whole training steps.</summary>
static class EstimateCases
{
    /// <summary>The work of a whole step.</summary>
    internal const string TrainingStep = "training step";

    const double ProductGoal = 0.6, MemoryGoal = 0.7;

    /// <summary>Runs those that --only asks for.</summary>
    internal static IEnumerable<EstimateRow> Run(EstimateDevice device, Options options)
    {
        string[] precisions = Precisions.HasTensorCores(
            (device.Device.Accelerator as ILGPU.Runtime.Cuda.CudaAccelerator)?.Architecture)
            ? ["fp32", "tf32", "bf16"] : ["fp32"];
        bool Wanted(string work) => work.Contains(options.Only, StringComparison.OrdinalIgnoreCase);
        foreach (string precision in precisions)
        {
            device.Device.Precision = Precisions.Parse(precision);
            foreach ((string use, char form, int M, int N, int K) in MatMulBench.Shapes())
                if (Wanted($"matmul {use}"))
                    yield return Product(device, $"matmul {use}", precision, form, M, N, K);
            if (Wanted("attention"))
                foreach (EstimateRow row in Attention(device, precision))
                    yield return row;
        }
        device.Device.Precision = Precision.Fp32;
        if (Wanted("layernorm"))
            foreach (EstimateRow row in LayerNorm(device))
                yield return row;
        if (Wanted("cross-entropy"))
            yield return CrossEntropy(device);
        if (Wanted("adamw"))
            yield return AdamW(device);
        if (!((string[])["forward", "forward + backward", TrainingStep]).Any(Wanted))
            yield break;
        foreach (string precision in precisions)
            foreach ((int B, int T) in ((int, int)[])[(4, 256), (1, 1024), (8, 1024)])
            {
                device.Device.Precision = Precisions.Parse(precision);
                foreach (EstimateRow row in Passes(device, precision, B, T))
                    yield return row;
            }
    }

    static EstimateRow Product(
        EstimateDevice device, string work, string precision, char form, int M, int N, int K)
    {
        long floats = (long)M * K + (long)N * K + (long)M * N;
        using var arena = new TensorArena(device.Device, floats + 256, work);
        Tensor x = arena.Cut("x", form == 'G' ? [K, M] : [M, K]);
        Tensor w = arena.Cut("w", form == 'T' ? [N, K] : [K, N]), y = arena.Cut("y", M, N);
        var ops = new Ops(device.Device);
        // A product of one row reads its weight, and nothing else counts.
        bool memory = M == 1;
        return new(work, $"{form} {M} x {N} x {K}", precision, memory ? 0 : 2.0 * M * N * K,
            memory ? 4.0 * floats : 0, memory ? MemoryGoal : ProductGoal, device.Count(() =>
        {
            switch (form)
            {
                case 'T': ops.MatMulTransposed(x, w, y); break;
                case 'G': ops.MatMulWeightGradient(x, w, y); break;
                default: ops.MatMul(x, w, null, y); break;
            }
        }));
    }

    static IEnumerable<EstimateRow> Attention(EstimateDevice device, string precision)
    {
        const int B = 1, T = 1024, H = 12, D = 64, C = H * D;
        using var arena = new TensorArena(device.Device, 16L * B * T * C, "attention");
        Tensor qkv = arena.Cut("qkv", B * T, 3 * C), z = arena.Cut("z", B * T, C);
        Tensor sums = arena.Cut("logSumExp", B, H, T), dots = arena.Cut("rowDots", B, H, T);
        Tensor dZ = arena.Cut("dZ", B * T, C), dQkv = arena.Cut("dQkv", B * T, 3 * C);
        IndexTensor lengths = arena.UploadIndices("lengths", [T]);
        var ops = new Ops(device.Device);
        // Half of the pairs of tokens: queries by keys and weights by values, two flops a multiply-add.
        double flops = 2.0 * B * T * T * C;
        const string shape = "B=1 T=1024 H=12 D=64";
        yield return new("attention forward", shape, precision, flops, 0, ProductGoal,
            device.Count(() => ops.Attention(qkv, lengths, z, sums, B, T, H, 0.125f)));
        yield return new("attention backward", shape, precision, 2.5 * flops, 0, ProductGoal,
            device.Count(() => ops.AttentionBackward(
                qkv, lengths, z, sums, dZ, dots, dQkv, B, T, H, 0.125f)));
    }

    static IEnumerable<EstimateRow> LayerNorm(EstimateDevice device)
    {
        const int rows = 8192, C = 768;
        using var arena = new TensorArena(device.Device, 5L * rows * C, "layernorm");
        Tensor x = arena.Cut("x", rows, C), y = arena.Cut("y", rows, C);
        Tensor weight = arena.Cut("weight", C), bias = arena.Cut("bias", C);
        Tensor dWeight = arena.Cut("dWeight", C), dBias = arena.Cut("dBias", C);
        Tensor mean = arena.Cut("mean", rows), rstd = arena.Cut("rstd", rows), dX = arena.Cut("dX", rows, C);
        var ops = new Ops(device.Device);
        yield return new("layernorm forward", "8192 x 768", "fp32", 0, 8.0 * rows * C, MemoryGoal,
            device.Count(() => ops.LayerNorm(x, weight, bias, y, mean, rstd)));
        yield return new("layernorm backward", "8192 x 768", "fp32", 0, 16.0 * rows * C, MemoryGoal,
            device.Count(() => ops.LayerNormBackward(x, weight, mean, rstd, y, dX, dWeight, dBias)));
    }

    static EstimateRow CrossEntropy(EstimateDevice device)
    {
        const int rows = 1024, V = 50257;
        using var arena = new TensorArena(device.Device, 2L * rows * V + 4 * rows, "cross-entropy");
        Tensor logits = arena.Cut("logits", rows, V), dLogits = arena.Cut("dLogits", rows, V);
        Tensor losses = arena.Cut("losses", rows);
        IndexTensor targets = arena.UploadIndices("targets", new int[rows]);
        var ops = new Ops(device.Device);
        return new("cross-entropy, both ways", "1024 x 50257", "fp32", 0, 8.0 * rows * V, MemoryGoal,
            device.Count(() => ops.CrossEntropy(logits, targets, losses, dLogits, 1)));
    }

    static EstimateRow AdamW(EstimateDevice device)
    {
        const int n = 1 << 24;
        using var arena = new TensorArena(device.Device, 4L * n + 64, "adamw");
        Tensor gradient = arena.Cut("gradient", n), weight = arena.Cut("weight", n);
        Tensor m = arena.Cut("m", n), v = arena.Cut("v", n);
        var ops = new Ops(device.Device);
        return new("adamw", "16 M weights", "fp32", 0, 28.0 * n, MemoryGoal, device.Count(
            () => ops.AdamW(gradient, weight, m, v, new(1e-4f, 0.9f, 0.999f, 1e-8f, 0.01f, 1))));
    }

    // Of GPT-2 small, as ModelBench runs it.
    static IEnumerable<EstimateRow> Passes(EstimateDevice device, string precision, int B, int T)
    {
        ModelConfig config = Gpt2.Small;
        const int L = 12, C = 768, V = 50257;
        double rows = (double)B * T, products = 2.0 * rows * (12.0 * L * C * C + (double)V * C);
        double attention = 2.0 * rows * T * C * L, flops = 3 * products + 3.5 * attention;
        string shape = $"B={B} T={T}";
        using var model = new LanguageModel(device.Device, config);
        int[] tokens = [.. Enumerable.Range(0, B * T).Select(i => (int)(i * 7919L % config.VocabSize))];
        SequenceBatch batch = new(tokens, [.. Enumerable.Repeat(T, B)], T);
        using (var forward = new ModelSession(
            model, new SessionOptions { MaxRows = B, MaxTokens = T, Logits = LogitsAt.All }))
            yield return new("forward", shape, precision, products + attention, 0, 0,
                device.Count(() => forward.Forward(batch)));

        int[] targets = batch.NextTokens();
        using var session = new ModelSession(
            model, new SessionOptions { MaxRows = B, MaxTokens = T, Backward = true });
        using var gradients = ParameterGradients.Create(model);
        IReadOnlyList<LaunchSample> both = device.Count(() =>
        {
            gradients.Clear(model.Ops);
            session.ForwardBackward(batch, targets, gradients, 1f / (B * (T - 1)));
        });
        yield return new("forward + backward", shape, precision, flops, 0, 0, both);

        var adamW = new AdamWOptions { LearningRate = 1e-4f };
        using var moments = new TensorArena(device.Device, TensorArena.Measure(device.Device,
            arena => _ = new OptimizerState(arena, model, gradients, adamW)), "moments");
        var optimizer = new OptimizerState(moments, model, gradients, adamW);
        // As Trainer.Next, which would refuse the gradient: most of its blocks did not run.
        IReadOnlyList<LaunchSample> update = device.Count(() =>
        {
            foreach (Tensor block in gradients.Set.Blocks)
                _ = model.Ops.Norm(block);
            optimizer.Step(1e-4f, 1);
        });
        yield return new(TrainingStep, shape, precision, flops, 0, 0, [.. both, .. update]);
    }
}
