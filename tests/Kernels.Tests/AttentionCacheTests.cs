using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.Kernels.Tests.Numbers;

namespace HeadTap.Kernels.Tests;

public class AttentionCacheTests
{
    const int B = 3, T = 9, H = 2, D = 5, Capacity = 11;
    static readonly AttentionReference Shape = new(B, T, H, D, [9, 4, 1], 0.4);

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void Prefill_and_steps_give_what_whole_sequences_give(string device)
    {
        using var run = new Run(device);
        var exact = Shape.Forward(Wide(run.Qkv));
        var plain = Shape.Forward(run.Qkv);
        // All but the last token of each row are filled at once; the last one is appended.
        int[] last = [.. Shape.Lengths.Select(n => n - 1)];
        (float[] z, float[] pattern) = run.Step(last);
        Agreement.AtMostTwiceFloat32("z", Last(exact.Z), Last(plain.Z), z);
        Agreement.AtMostTwiceFloat32("pattern", LastPattern(exact.Pattern),
            LastPattern(plain.Pattern), pattern);
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void A_finished_row_is_skipped_and_gives_zeros(string device)
    {
        using var run = new Run(device);
        (float[] z, float[] pattern) all = run.Step([8, 3, 0]);
        float[] kBefore = run.KCache.ToArray();
        (float[] z, float[] pattern) = run.Step([8, -1, 0]);
        Assert.That(z.AsSpan(H * D, H * D).ToArray(), Has.All.Zero);
        Assert.That(pattern.AsSpan(H * Capacity, H * Capacity).ToArray(), Has.All.Zero);
        Assert.That(z.AsSpan(0, H * D).ToArray(), Is.EqualTo(all.z.AsSpan(0, H * D).ToArray()));
        Assert.That(z.AsSpan(2 * H * D).ToArray(), Is.EqualTo(all.z.AsSpan(2 * H * D).ToArray()));
        Assert.That(run.KCache.ToArray(), Is.EqualTo(kBefore));
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void Fill_writes_only_real_tokens(string device)
    {
        using var run = new Run(device);
        run.Fill([4, 0, 9]);
        float[] k = run.KCache.ToArray(), v = run.VCache.ToArray();
        for (int b = 0; b < B; b++)
            for (int h = 0; h < H; h++)
                for (int t = 0; t < Capacity; t++)
                    for (int d = 0; d < D; d++)
                    {
                        int at = ((b * H + h) * Capacity + t) * D + d;
                        int from = (b * T + t) * 3 * H * D + H * D + h * D + d;
                        bool real = t < ((int[])[4, 0, 9])[b];
                        Assert.That(k[at], Is.EqualTo(real ? run.Qkv[from] : float.NaN));
                        Assert.That(v[at], Is.EqualTo(real ? run.Qkv[from + H * D] : float.NaN));
                    }
    }

    [TestCase("cpu128"), TestCase("cpu256"), TestCase("cpu512"), TestCase("opencl"), TestCase("cuda")]
    public void Long_caches_of_wide_heads_agree_with_the_whole_sequence(string device)
    {
        var shape = new AttentionReference(1, 300, 2, 64, [300], 0.125);
        float[] qkv = Normal(7, 300 * 3 * shape.C);
        using var arena = new TensorArena(TestDevice.Open(device), 300L * 10 * shape.C);
        var ops = new Ops(arena.Device);
        Tensor all = arena.Upload("qkv", qkv, 300, 3 * shape.C);
        IndexTensor lengths = arena.UploadIndices("lengths", [300], 1);
        Tensor k = arena.Cut("k", 1, 2, 320, 64), v = arena.Cut("v", 1, 2, 320, 64),
            z = arena.Cut("z", 1, shape.C);
        ops.CacheFill(all, lengths, k, v, 1, 300, 2);
        ops.AttentionCached(all.SliceRows(299, 1), arena.UploadIndices("at", [299], 1),
            k, v, z, 1, 2, 0.125f);
        double[] exact = [.. shape.Forward(Wide(qkv)).Z.TakeLast(shape.C)];
        float[] plain = [.. shape.Forward(qkv).Z.TakeLast(shape.C)];
        Agreement.AtMostTwiceFloat32("z", exact, plain, z.ToArray());
    }

    [Test]
    public void A_cache_that_is_too_short_is_named_in_the_error()
    {
        using var arena = new TensorArena(TestDevice.Open("cpu512"), 4096);
        var ops = new Ops(arena.Device);
        Tensor qkv = arena.Cut("qkv", 2 * 4, 3 * 6), k = arena.Cut("k", 2, 2, 3, 3);
        IndexTensor lengths = arena.CutIndices("lengths", 2);
        Assert.That(() => ops.CacheFill(qkv, lengths, k, k, 2, 4, 2),
            Throws.ArgumentException.With.Message.EqualTo("CacheFill: 4 tokens do not fit k [2, 2, 3, 3]."));
    }

    static TReal[] Last<TReal>(TReal[] z) => [.. Enumerable.Range(0, B).SelectMany(
        b => z.AsSpan((b * T + Shape.Lengths[b] - 1) * H * D, H * D).ToArray())];

    static TReal[] LastPattern<TReal>(TReal[] pattern)
    {
        TReal[] last = new TReal[B * H * Capacity];
        for (int row = 0; row < B * H; row++)
            pattern.AsSpan((row * T + Shape.Lengths[row / H] - 1) * T, T).CopyTo(last.AsSpan(row * Capacity));
        return last;
    }

    sealed class Run : IDisposable
    {
        readonly TensorArena _arena;
        readonly Ops _ops;
        readonly Tensor _qkv, _token, _z, _pattern;
        readonly IndexTensor _lengths, _positions;

        public Run(string device)
        {
            Qkv = Normal(21, B * T * 3 * H * D);
            _arena = new TensorArena(TestDevice.Open(device), 4096);
            _ops = new Ops(_arena.Device);
            _qkv = _arena.Upload("qkv", Qkv, B * T, 3 * H * D);
            _token = _arena.Cut("token", B, 3 * H * D);
            _z = _arena.Upload("z", AttentionRun.Garbage(B * H * D), B, H * D);
            _pattern = _arena.Upload("pattern", AttentionRun.Garbage(B * H * Capacity), B, H, 1, Capacity);
            float[] garbage = AttentionRun.Garbage(B * H * Capacity * D);
            KCache = _arena.Upload("kCache", garbage, B, H, Capacity, D);
            VCache = _arena.Upload("vCache", garbage, B, H, Capacity, D);
            _lengths = _arena.CutIndices("lengths", B);
            _positions = _arena.CutIndices("positions", B);
        }

        public float[] Qkv { get; }
        public Tensor KCache { get; }
        public Tensor VCache { get; }

        public void Fill(int[] lengths)
        {
            _lengths.Upload(lengths);
            _ops.CacheFill(_qkv, _lengths, KCache, VCache, B, T, H);
        }

        /// <summary>Fills what stands before the positions, appends the tokens there and attends.</summary>
        public (float[] Z, float[] Pattern) Step(int[] positions)
        {
            Fill([.. positions.Select(p => Math.Max(p, 0))]);
            float[] tokens = new float[B * 3 * H * D];
            for (int b = 0; b < B; b++)
                Qkv.AsSpan((b * T + Math.Max(positions[b], 0)) * 3 * H * D, 3 * H * D)
                    .CopyTo(tokens.AsSpan(b * 3 * H * D));
            _token.Upload(tokens);
            _positions.Upload(positions);
            _ops.CacheAppend(_token, _positions, KCache, VCache, B, H);
            _ops.AttentionCached(_token, _positions, KCache, VCache, _z, B, H, 0.4f);
            _ops.AttentionCachedPattern(_token, _positions, KCache, _pattern, B, H, 0.4f);
            return (_z.ToArray(), _pattern.ToArray());
        }

        public void Dispose() => _arena.Dispose();
    }
}
