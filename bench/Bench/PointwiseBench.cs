using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.Bench.BenchData;

namespace HeadTap.Bench;

/// <summary>Ops that are bound by memory, at GPT-2's sizes: B T = 1024 tokens, C = 768, V = 50257.</summary>
sealed class PointwiseBench : IBenchFamily
{
    const int Rows = 1024, C = 768, Wide4 = 4 * C, V = 50257;

    public string Name => "pointwise";

    public IEnumerable<OpBench> Create(ComputeDevice device)
        => Activations(device).Concat(Elements(device)).Concat(Tables(device)).Concat(Edits(device));

    static IEnumerable<OpBench> Activations(ComputeDevice device)
    {
        using var arena = new TensorArena(device, 3L * Rows * Wide4 + 256);
        var ops = new Ops(device);
        Tensor x = arena.CutNormal("x", 1, Rows, Wide4), dY = arena.CutNormal("dY", 2, Rows, Wide4);
        Tensor y = arena.Cut("y", Rows, Wide4);
        string shape = $"{Rows} x {Wide4}";
        double n = (double)Rows * Wide4;
        foreach ((Activation kind, int flops) in ((Activation, int)[])
            [(Activation.GeluTanh, 28), (Activation.GeluExact, 50), (Activation.Relu, 1)])
        {
            double Check()
            {
                ops.Activate(x, y, kind);
                double[] exact = [.. Wide(x.ToArray().AsSpan(0, Wide4).ToArray()).Select(v => kind switch
                {
                    Activation.GeluTanh => ActivationReference.GeluTanh(v),
                    Activation.GeluExact => ActivationReference.GeluExact(v),
                    _ => ActivationReference.Relu(v),
                })];
                return OpBench.Error(exact, y.ToArray().AsSpan(0, Wide4));
            }
            yield return new($"{kind} forward", shape, 8 * n, flops * n,
                () => ops.Activate(x, y, kind), Check);
            yield return new($"{kind} backward", shape, 12 * n, 1.4 * flops * n,
                () => ops.ActivateBackward(x, dY, y, kind));
        }
    }

    static IEnumerable<OpBench> Elements(ComputeDevice device)
    {
        using var arena = new TensorArena(device, 3L * Rows * Wide4 + Rows + 256);
        var ops = new Ops(device);
        Tensor x = arena.CutNormal("x", 1, Rows, Wide4), z = arena.CutNormal("z", 2, Rows, Wide4);
        Tensor y = arena.Cut("y", Rows, Wide4), factors = arena.Cut("factors", Rows);
        ops.Fill(factors, 1f);
        // A residual stream stays in a cache; the wide tensors do not.
        foreach (int columns in (int[])[C, Wide4])
        {
            Tensor a = x.Slice("a", 0, Rows, columns), b = z.Slice("b", 0, Rows, columns);
            Tensor to = y.Slice("y", 0, Rows, columns);
            string shape = $"{Rows} x {columns}";
            double n = a.Length;
            yield return new("add", shape, 12 * n, n, () => ops.Add(a, b, to));
            yield return new("axpy", shape, 12 * n, 2 * n, () => ops.Axpy(a, to, 1e-3f));
            yield return new("multiply", shape, 12 * n, n, () => ops.Multiply(a, b, to));
            yield return new("copy", shape, 8 * n, 0, () => ops.Copy(a, to));
            yield return new("fill", shape, 4 * n, 0, () => ops.Fill(to, 0f));
            yield return new("scale", shape, 8 * n, n, () => ops.Scale(to, 1f));
            yield return new("scale rows", shape, 8 * n, n, () => ops.ScaleRows(factors, to));
            yield return new("masked copy", shape, 16 * n, 0, () => ops.MaskedCopy(a, b, to));
        }
        Tensor qkv = x.Slice("qkv", 0, Rows, 3 * C), q = y.Slice("q", 0, Rows, C);
        double moved = 8.0 * Rows * C;
        yield return new("copy columns", $"{Rows} x {C} of {3 * C}", moved, 0,
            () => ops.CopyColumns(qkv, q, C));
        yield return new("write columns", $"{Rows} x {C} of {3 * C}", moved, 0,
            () => ops.WriteColumns(q, qkv, C));
        yield return new("add columns", $"{Rows} x {C} of {3 * C}", 1.5 * moved, Rows * C,
            () => ops.AddColumns(q, qkv, C));
    }

    static IEnumerable<OpBench> Tables(ComputeDevice device)
    {
        using var arena = new TensorArena(device, (long)V * C + (long)Rows * C + Rows + 256);
        var ops = new Ops(device);
        var random = new Random(1);
        // Fourth powers of uniform values: as in text, small ids come again and again.
        IndexTensor ids = arena.UploadIndices(
            "ids", [.. Enumerable.Range(0, Rows).Select(_ => (int)(V * Math.Pow(random.NextDouble(), 4)))]);
        Tensor table = arena.Cut("wte", V, C), y = arena.CutNormal("y", 2, Rows, C);
        string shape = $"{Rows} of {V} x {C}";
        double n = (double)Rows * C;
        yield return new("gather", shape, 8 * n, 0, () => ops.Gather(ids, table, y));
        yield return new("gather, adding", shape, 12 * n, n,
            () => ops.Gather(ids, table, y, accumulate: true));
        yield return new("scatter add", shape, 12 * n, n, () => ops.ScatterAdd(ids, y, table));
    }

    static IEnumerable<OpBench> Edits(ComputeDevice device)
    {
        using var arena = new TensorArena(device, (long)Rows * C + 2 * C + Rows + 256);
        var ops = new Ops(device);
        Tensor x = arena.CutNormal("x", 1, Rows, C), u = arena.CutNormal("u", 2, C),
            mean = arena.Cut("mean", C);
        ops.Scale(u, 1 / MathF.Sqrt(C));
        IndexTensor all = arena.UploadIndices("rows", [.. Enumerable.Range(0, Rows)]);
        string shape = $"{Rows} x {C}";
        double n = (double)Rows * C;
        yield return new("edit add", shape, 8 * n, 2 * n, () => ops.EditAdd(all, u, x, 0, 1e-3f));
        yield return new("edit replace", shape, 4 * n, 0, () => ops.EditReplace(all, u, x, 0));
        yield return new("edit scale", shape, 8 * n, n, () => ops.EditScale(all, x, 0, C, 1f));
        yield return new("edit project out", shape, 8 * n, 4 * n, () => ops.EditProjectOut(all, u, x, 0, 1f));
        yield return new("edit mean", shape, 8 * n, n, () => ops.EditMean(all, x, mean, 0, C));
    }
}
