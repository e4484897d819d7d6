using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.Kernels.Tests.Numbers;

namespace HeadTap.Kernels.Tests;

public class AttentionPrefixTests
{
    [Test]
    public void The_oracle_is_the_last_row_of_causal_attention()
    {
        const int T = 6, H = 2, D = 3, C = H * D;
        double[] qkv = Wide(Normal(5, T * 3 * C));
        double[] whole = new AttentionReference(1, T, H, D, [T], 0.7).Forward(qkv).Z;
        double[] Part(int part) => [.. from h in Enumerable.Range(0, H)
            from t in Enumerable.Range(0, T)
            from d in Enumerable.Range(0, D)
            select qkv[(t * 3 + part) * C + h * D + d]];
        var shape = new AttentionPrefixReference(T, H, D, T, [.. Enumerable.Range(0, T)], 0.7);
        Assert.That(shape.Forward(qkv, Part(1), Part(2)).Z, Is.EqualTo(whole).Within(1e-14));
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void Scores_of_ten_thousand_neither_overflow_nor_vanish(string device)
    {
        var shape = new AttentionPrefixReference(3, 2, 8, 9, [9, 0, 5], 1);
        using var run = new Run(device, shape, deviation: 70f);
        var exact = shape.Forward(Wide(run.Qkv), Wide(run.Keys), Wide(run.Values));
        Assert.That(exact.LogSumExp.Max(), Is.GreaterThan(1e4));
        Agreement.AtMostTwiceFloat32(
            "z", exact.Z, shape.Forward(run.Qkv, run.Keys, run.Values).Z, run.Forward().Z);
        Assert.That(run.Backward(), Has.All.Matches<float>(float.IsFinite));
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void What_stands_behind_a_rows_part_of_the_run_does_not_reach_it(string device)
    {
        var shape = new AttentionPrefixReference(2, 2, 5, 6, [4, 2], 0.5);
        using var run = new Run(device, shape);
        (float[] z, float[] _) before = run.Forward();
        float[] gradient = run.Backward();
        run.Poison(from: 4);
        Assert.That(run.Forward().Z, Is.EqualTo(before.z));
        Assert.That(run.Backward(), Is.EqualTo(gradient));
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void Not_a_number_stays_one(string device)
    {
        var shape = new AttentionPrefixReference(2, 1, 5, 6, [4, 2], 0.5);
        using var run = new Run(device, shape);
        run.Poison(from: 3); // of the first row's four keys the last
        (float[] z, float[] logSumExp) = run.Forward();
        float[] dQkv = run.Backward();
        Assert.That(z[..5], Has.All.NaN);
        Assert.That(logSumExp[0], Is.NaN);
        Assert.That(dQkv[..15], Has.All.NaN);
        Assert.That(z[5..], Has.None.NaN);
        Assert.That(dQkv[15..], Has.None.NaN);
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void Two_runs_agree_bit_for_bit_and_a_row_has_the_bits_that_it_has_alone(string device)
    {
        var shape = new AttentionPrefixReference(3, 2, 12, 9, [9, 4, 6], 0.3);
        using var run = new Run(device, shape);
        (float[] z, float[] logSumExp) = run.Forward();
        float[] dQkv = run.Backward();
        Assert.That(run.Forward(), Is.EqualTo((z, logSumExp)));
        Assert.That(run.Backward(), Is.EqualTo(dQkv));
        using var alone = new Run(device, shape with { N = 1, Lengths = [4] }, row: 1);
        Assert.That(alone.Forward().Z, Is.EqualTo(z[24..48]));
        Assert.That(alone.Backward(), Is.EqualTo(dQkv[72..144]));
    }

    [Test]
    public void Shapes_that_do_not_fit_are_named()
    {
        using var arena = new TensorArena(TestDevice.Open("cpu512"), 4096);
        var ops = new Ops(arena.Device);
        Tensor qkv = arena.Cut("qkv", 2, 3 * 6), keys = arena.Cut("keys", 2, 5, 3), z = arena.Cut("z", 2, 6),
            sums = arena.Cut("logSumExp", 2, 2);
        IndexTensor lengths = arena.CutIndices("lengths", 2), three = arena.CutIndices("lengths", 3);
        Assert.That(() => ops.AttentionPrefix(qkv, three, keys, keys, z, sums, 2, 2, 1f),
            Throws.ArgumentException.With.Message.EqualTo(
                "AttentionPrefix: lengths [3] must have 2 entries."));
        Assert.That(() => ops.AttentionPrefix(qkv, lengths, keys, keys, z, arena.Cut("sums", 3), 2, 2, 1f),
            Throws.ArgumentException.With.Message.EqualTo("AttentionPrefix: sums [3] must have [2, 2]."));
        Assert.That(
            () => ops.AttentionPrefixBackward(qkv, lengths, keys, keys, z, sums, z, z, 2, 2, 1f),
            Throws.ArgumentException.With.Message.EqualTo(
                "AttentionPrefixBackward: z [2, 6] must have the shape of qkv [2, 18]."));
    }

    sealed class Run : IDisposable
    {
        readonly TensorArena _arena;
        readonly Ops _ops;
        readonly AttentionPrefixReference _shape;
        readonly IndexTensor _lengths;
        readonly Tensor _qkv, _keys, _values, _z, _logSumExp, _dZ, _dQkv;

        // Rows from the given one on.
        public Run(string device, AttentionPrefixReference shape, float deviation = 1f, int row = 0)
        {
            _shape = shape;
            int N = shape.N, C = shape.C, run = shape.Capacity * C;
            Qkv = Normal(31, (row + N) * 3 * C, 0f, deviation)[(row * 3 * C)..];
            DZ = Normal(32, (row + N) * C)[(row * C)..];
            Keys = Normal(33, run, 0f, deviation);
            Values = Normal(34, run);
            _arena = new TensorArena(TestDevice.Open(device), 8L * N * C + 2L * run + N * shape.H + N + 512);
            _ops = new Ops(_arena.Device);
            _qkv = _arena.Upload("qkv", Qkv, N, 3 * C);
            _lengths = _arena.UploadIndices("lengths", shape.Lengths, N);
            _keys = _arena.Upload("keys", Keys, shape.H, shape.Capacity, shape.D);
            _values = _arena.Upload("values", Values, shape.H, shape.Capacity, shape.D);
            _z = _arena.Upload("z", AttentionRun.Garbage(N * C), N, C);
            _logSumExp = _arena.Upload("logSumExp", AttentionRun.Garbage(N * shape.H), N, shape.H);
            _dZ = _arena.Upload("dZ", DZ, N, C);
            _dQkv = _arena.Upload("dQkv", AttentionRun.Garbage(N * 3 * C), N, 3 * C);
        }

        public float[] Qkv { get; }
        public float[] Keys { get; }
        public float[] Values { get; }
        public float[] DZ { get; }

        public (float[] Z, float[] LogSumExp) Forward()
        {
            _ops.AttentionPrefix(_qkv, _lengths, _keys, _values, _z, _logSumExp, _shape.N, _shape.H,
                (float)_shape.Scale);
            return (_z.ToArray(), _logSumExp.ToArray());
        }

        public float[] Backward()
        {
            Forward();
            _ops.AttentionPrefixBackward(_qkv, _lengths, _keys, _values, _z, _logSumExp, _dZ, _dQkv, _shape.N,
                _shape.H, (float)_shape.Scale);
            return _dQkv.ToArray();
        }

        /// <summary>NaN for tokens of the run from one on.</summary>
        public void Poison(int from)
        {
            foreach ((float[] values, Tensor tensor) in ((float[], Tensor)[])
                [(Keys, _keys), (Values, _values)])
                tensor.Upload([.. values.Select(
                    (v, at) => at / _shape.D % _shape.Capacity >= from ? float.NaN : v)]);
        }

        public void Dispose() => _arena.Dispose();
    }
}
