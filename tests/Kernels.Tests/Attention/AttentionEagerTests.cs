using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.Kernels.Tests.Numbers;

namespace HeadTap.Kernels.Tests;

public class AttentionEagerTests
{
    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void An_edited_pattern_may_look_ahead(string device)
    {
        var shape = new AttentionReference(1, 5, 2, 3, [5], 1);
        using var run = new Run(device, shape);
        float[] pattern = new float[2 * 5 * 5];
        pattern[1 * 5 + 4] = 1f; // head 0, query 1, key 4
        float[] z = run.Mix(pattern);
        Assert.That(z.AsSpan(1 * 6, 3).ToArray(),
            Is.EqualTo(run.Qkv.AsSpan((4 * 3 * 6) + 12, 3).ToArray()));
        Assert.That(z.Count(v => v != 0f), Is.EqualTo(3));
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void Hostile_rows_of_scores_give_finite_patterns(string device)
    {
        const float ninf = float.NegativeInfinity;
        float[] rows = [ninf, ninf, ninf, 1e4f, -1e4f, 1e4f, -1e4f, -1e4f, -1e4f, 89f, ninf, 90f];
        using var arena = new TensorArena(TestDevice.Open(device), 256);
        var ops = new Ops(arena.Device);
        Tensor scores = arena.Upload("scores", rows, 4, 3);
        ops.SoftmaxRows(scores, scores);
        float[] p = scores.ToArray();
        Assert.That(p.AsSpan(0, 3).ToArray(), Is.EqualTo(new float[] { 0, 0, 0 }));
        Assert.That(p.AsSpan(3, 3).ToArray(), Is.EqualTo(new float[] { 0.5f, 0, 0.5f }));
        Assert.That(p.AsSpan(6, 3).ToArray(),
            Is.EqualTo(new float[] { 1 / 3f, 1 / 3f, 1 / 3f }).Within(1).Ulps);
        Assert.That(p[9] + p[11], Is.EqualTo(1f).Within(1).Ulps);
        Assert.That(p[10], Is.Zero);
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void What_stands_in_padding_reaches_no_real_row(string device)
    {
        var shape = new AttentionReference(2, 6, 2, 5, [3, 6], 1);
        using var clean = new Run(device, shape);
        using var bad = new Run(device, shape, poison: true);
        Assert.That(bad.Scores(), Is.EqualTo(clean.Scores()));
        Assert.That(bad.Softmax(), Is.EqualTo(clean.Softmax()));
        Assert.That(bad.Mix(), Is.EqualTo(clean.Mix()));
        Assert.That(bad.Backward().DQkv, Is.EqualTo(clean.Backward().DQkv));
    }

    [Test]
    public void A_wrong_shape_is_named_in_the_error()
    {
        using var arena = new TensorArena(TestDevice.Open("cpu512"), 256);
        var ops = new Ops(arena.Device);
        Tensor qkv = arena.Cut("qkv", 3, 12), scores = arena.Cut("scores", 1, 2, 3, 4);
        Assert.That(() => ops.AttentionScores(qkv, arena.CutIndices("lengths", 1), scores, 1, 3, 2, 1f),
            Throws.ArgumentException.With.Message.EqualTo(
                "AttentionScores: scores [1, 2, 3, 4] must have [1, 2, 3, 3]."));
    }

    static TReal[] Finite<TReal>(TReal[] values) where TReal : System.Numerics.IFloatingPointIeee754<TReal>
        => [.. values.Where(TReal.IsFinite)];

    sealed class Run : IDisposable
    {
        readonly TensorArena _arena;
        readonly AttentionReference _shape;
        readonly Ops _ops;
        readonly IndexTensor _lengths;
        readonly Tensor _qkv, _dZ, _scores, _pattern, _z, _lse, _dPattern, _dQkv;

        public Run(string device, AttentionReference shape, bool poison = false)
        {
            _shape = shape;
            (int rows, int C, int pairs) =
                (shape.B * shape.T, shape.C, shape.B * shape.H * shape.T * shape.T);
            Qkv = Normal(31, rows * 3 * C);
            DZ = Normal(32, rows * C);
            for (int row = 0; poison && row < rows; row++)
                if (row % shape.T >= shape.Lengths[row / shape.T])
                {
                    Qkv.AsSpan(row * 3 * C, 3 * C).Fill(float.NaN);
                    DZ.AsSpan(row * C, C).Fill(float.NaN);
                }
            _arena = new TensorArena(TestDevice.Open(device), 10L * rows * C + 4L * pairs
                + rows * shape.H + 512);
            _ops = new Ops(_arena.Device);
            _lengths = _arena.UploadIndices("lengths", shape.Lengths, shape.B);
            _qkv = _arena.Upload("qkv", Qkv, rows, 3 * C);
            _dZ = _arena.Upload("dZ", DZ, rows, C);
            float[] garbage = AttentionRun.Garbage(pairs);
            _scores = _arena.Upload("scores", garbage, shape.B, shape.H, shape.T, shape.T);
            _pattern = _arena.Upload("pattern", garbage, shape.B, shape.H, shape.T, shape.T);
            _dPattern = _arena.Upload("dPattern", garbage, shape.B, shape.H, shape.T, shape.T);
            _z = _arena.Upload("z", AttentionRun.Garbage(rows * C), rows, C);
            _lse = _arena.Cut("logSumExp", shape.B, shape.H, shape.T);
            _dQkv = _arena.Cut("dQkv", rows, 3 * C);
        }

        public float[] Qkv { get; }

        public float[] DZ { get; }

        public bool Seen(int at)
        {
            int T = _shape.T, i = at / T % T;
            return at % T <= i && i < _shape.Lengths[at / T / T / _shape.H];
        }

        public float[] Scores()
        {
            _ops.AttentionScores(_qkv, _lengths, _scores, _shape.B, _shape.T, _shape.H, (float)_shape.Scale);
            return _scores.ToArray();
        }

        public float[] Softmax()
        {
            _ops.SoftmaxRows(_scores, _pattern);
            return _pattern.ToArray();
        }

        public float[] Mix()
        {
            _ops.AttentionMix(_pattern, _qkv, _z, _shape.B, _shape.T, _shape.H);
            return _z.ToArray();
        }

        public float[] Mix(float[] pattern)
        {
            _pattern.Upload(pattern);
            return Mix();
        }

        /// <summary>The pattern from q, k and the log of the sum that the fused op leaves.</summary>
        public float[] Recomputed()
        {
            (int B, int T, int H, float scale) = (_shape.B, _shape.T, _shape.H, (float)_shape.Scale);
            _ops.Attention(_qkv, _lengths, _z, _lse, B, T, H, scale);
            _ops.AttentionPattern(_qkv, _lengths, _lse, _scores, B, T, H, scale);
            return _scores.ToArray();
        }

        /// <summary>After Scores and Softmax; dQkv starts as ones. The last step works in place.</summary>
        public (float[] DPattern, float[] DScores, float[] DQkv) Backward()
        {
            (int B, int T, int H) = (_shape.B, _shape.T, _shape.H);
            Scores();
            Softmax();
            _dQkv.Upload(Ones(Qkv.Length));
            _ops.AttentionMixBackward(_pattern, _qkv, _dZ, _dPattern, _dQkv, B, T, H);
            float[] dPattern = _dPattern.ToArray();
            _ops.SoftmaxRowsBackward(_pattern, _dPattern, _dPattern);
            _ops.AttentionScoresBackward(_qkv, _dPattern, _dQkv, B, T, H, (float)_shape.Scale);
            return (dPattern, _dPattern.ToArray(), _dQkv.ToArray());
        }

        public void Dispose() => _arena.Dispose();
    }
}
