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

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.Ilgpu))]
    public void Room_for_parts_is_asked_for_where_several_groups_read_a_cache(string device)
    {
        using var arena = new TensorArena(TestDevice.Open(device), 4096);
        var ops = new Ops(arena.Device);
        Assert.That(ops.CachedParts(2, 3, 4, AttentionCacheKernels.ChunkKeys), Is.Zero);
        Tensor qkv = arena.Cut("qkv", 1, 3 * 4), z = arena.Cut("z", 1, 4), k = arena.Cut("k", 1, 1, 129, 4);
        Assert.That(() => ops.AttentionCached(
                qkv, arena.CutIndices("positions", 1), k, k, arena.Cut("parts", 11), z, 1, 1, 1f),
            Throws.ArgumentException.With.Message.EqualTo(
                "AttentionCached: parts [11] must have room for 12 floats."));
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
            _ops.AttentionCached(_token, _positions, KCache, VCache, null, _z, B, H, 0.4f);
            _ops.AttentionCachedPattern(_token, _positions, KCache, _pattern, B, H, 0.4f);
            return (_z.ToArray(), _pattern.ToArray());
        }

        public void Dispose() => _arena.Dispose();
    }
}
