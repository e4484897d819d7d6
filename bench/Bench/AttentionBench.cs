using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.Bench.BenchData;

namespace HeadTap.Bench;

/// <summary>
/// Attention at the shapes of GPT-2 124M: fused, step by step, of one token over a cache, and of
/// many over one text's.
/// </summary>
sealed class AttentionBench : IBenchFamily
{
    const int H = 12, D = 64, C = H * D;
    const float Scale = 0.125f;

    public string Name => "attention";

    public IEnumerable<OpBench> Create(ComputeDevice device)
        => Fused(device, 1, 1024).Concat(Fused(device, 4, 256)).Concat(Fused(device, 4, 64))
            .Concat(Eager(device, 4, 256)).Concat(Cached(device, 1, 192)).Concat(Cached(device, 1, 1024))
            .Concat(Prefix(device, 1024, 256));

    static IEnumerable<OpBench> Fused(ComputeDevice device, int B, int T)
    {
        int rows = B * T;
        using var arena = new TensorArena(device, 8L * rows * C + 2 * rows * H + B + 512);
        var ops = new Ops(device);
        Tensor qkv = arena.CutNormal("qkv", 1, rows, 3 * C), dZ = arena.CutNormal("dZ", 2, rows, C);
        Tensor z = arena.Cut("z", rows, C), lse = arena.Cut("logSumExp", B, H, T),
            dQkv = arena.Cut("dQkv", rows, 3 * C);
        Tensor dots = arena.Cut("rowDots", B, H, T);
        IndexTensor lengths = arena.UploadIndices("lengths", [.. Enumerable.Repeat(T, B)]);
        double pairs = (double)B * H * T * (T + 1) / 2, row = 4.0 * rows * C;

        void Forward() => ops.Attention(qkv, lengths, z, lse, B, T, H, Scale);
        void Backward() => ops.AttentionBackward(qkv, lengths, z, lse, dZ, dots, dQkv, B, T, H, Scale);
        double Check()
        {
            Forward();
            // The first tokens of the first row stand for all: the oracle is slow.
            var few = new AttentionReference(1, Math.Min(T, 64), H, D, [Math.Min(T, 64)], Scale);
            double[] exact = few.Forward(Wide(qkv.SliceRows(0, few.T).ToArray())).Z;
            return OpBench.Error(exact, z.SliceRows(0, few.T).ToArray());
        }
        string shape = $"B={B} T={T} H={H} D={D}";
        yield return new("attention forward", shape, 4 * row, 4 * D * pairs, Forward, Check);
        yield return new("attention backward", shape, 8 * row, 10 * D * pairs, Backward);
    }

    static IEnumerable<OpBench> Eager(ComputeDevice device, int B, int T)
    {
        int rows = B * T;
        using var arena = new TensorArena(device, 8L * rows * C + 3L * B * H * T * T + rows * H + B + 512);
        var ops = new Ops(device);
        Tensor qkv = arena.CutNormal("qkv", 1, rows, 3 * C), dZ = arena.CutNormal("dZ", 2, rows, C);
        Tensor z = arena.Cut("z", rows, C), lse = arena.Cut("logSumExp", B, H, T),
            dQkv = arena.Cut("dQkv", rows, 3 * C);
        Tensor scores = arena.Cut("scores", B, H, T, T), pattern = arena.Cut("pattern", B, H, T, T);
        Tensor dPattern = arena.Cut("dPattern", B, H, T, T);
        IndexTensor lengths = arena.UploadIndices("lengths", [.. Enumerable.Repeat(T, B)]);
        ops.Attention(qkv, lengths, z, lse, B, T, H, Scale);
        ops.AttentionScores(qkv, lengths, scores, B, T, H, Scale);
        ops.SoftmaxRows(scores, pattern);
        double square = (double)B * H * T * T, row = 4.0 * rows * C;
        string shape = $"B={B} T={T} H={H} D={D}";
        yield return new("attention pattern", shape, 2 * row + 4 * square, D * square,
            () => ops.AttentionPattern(qkv, lengths, lse, dPattern, B, T, H, Scale));
        yield return new("attention scores", shape, 2 * row + 4 * square, D * square,
            () => ops.AttentionScores(qkv, lengths, scores, B, T, H, Scale));
        yield return new("softmax rows", shape, 8 * square, 0, () => ops.SoftmaxRows(scores, dPattern));
        yield return new("attention mix", shape, 2 * row + 4 * square, D * square,
            () => ops.AttentionMix(pattern, qkv, z, B, T, H));
        yield return new("attention mix backward", shape, 3 * row + 8 * square, 3 * D * square,
            () => ops.AttentionMixBackward(pattern, qkv, dZ, dPattern, dQkv, B, T, H));
        yield return new("softmax rows backward", shape, 12 * square, 0,
            () => ops.SoftmaxRowsBackward(pattern, dPattern, scores));
        yield return new("attention scores backward", shape, 4 * row + 4 * square, 2 * D * square,
            () => ops.AttentionScoresBackward(qkv, scores, dQkv, B, T, H, Scale));
    }

    static IEnumerable<OpBench> Cached(ComputeDevice device, int B, int keys)
    {
        var ops = new Ops(device);
        long parts = ops.CachedParts(B, H, D, keys);
        using var arena = new TensorArena(device, 2L * B * keys * C + parts + 4L * B * C + 2 * B + 256);
        Tensor qkv = arena.CutNormal("qkv", 1, B, 3 * C), z = arena.Cut("z", B, C);
        Tensor room = arena.Cut("parts", checked((int)parts));
        Tensor k = arena.CutNormal("k", 2, B, H, keys, D), v = arena.CutNormal("v", 3, B, H, keys, D);
        IndexTensor at = arena.UploadIndices("positions", [.. Enumerable.Repeat(keys - 1, B)]);
        yield return new("attention cached", $"B={B} keys={keys} H={H} D={D}", 8.0 * B * keys * C,
            4.0 * B * keys * C, () => ops.AttentionCached(qkv, at, k, v, room, z, B, H, Scale));
    }

    static IEnumerable<OpBench> Prefix(ComputeDevice device, int N, int keys)
    {
        var ops = new Ops(device);
        using var arena = new TensorArena(device, 8L * N * C + 2L * keys * C + N * H + N + 512);
        Tensor qkv = arena.CutNormal("qkv", 1, N, 3 * C), dZ = arena.CutNormal("dZ", 2, N, C),
            k = arena.CutNormal("k", 3, H, keys, D), v = arena.CutNormal("v", 4, H, keys, D);
        Tensor z = arena.Cut("z", N, C), lse = arena.Cut("logSumExp", N, H),
            dQkv = arena.Cut("dQkv", N, 3 * C);
        IndexTensor lengths = arena.UploadIndices("lengths", [.. Enumerable.Repeat(keys, N)]);
        double row = 4.0 * N * C, run = 8.0 * keys * C, pairs = (double)N * keys * C;
        string shape = $"N={N} keys={keys} H={H} D={D}";
        void Forward() => ops.AttentionPrefix(qkv, lengths, k, v, z, lse, N, H, Scale);
        Forward();
        yield return new("attention prefix", shape, 4 * row + run, 4 * pairs, Forward);
        yield return new("attention prefix backward", shape, 8 * row + run, 6 * pairs,
            () => ops.AttentionPrefixBackward(qkv, lengths, k, v, z, lse, dZ, dQkv, N, H, Scale));
    }
}
