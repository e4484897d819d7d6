using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.Kernels.Tests.Numbers;

namespace HeadTap.Kernels.Tests;

public class HeadResultsTests
{
    // One of everything; odd sizes; one past a tile in rows and in columns; a head wider than a tile.
    static readonly HeadResultsReference[] Shapes =
        [new(1, 1, 1), new(3, 2, 5), new(2, 3, 11), new(4, 2, 17)];
    static readonly HeadResultsReference[] Large = [new(17, 4, 32), new(33, 3, 64), new(9, 12, 6)];

    static IEnumerable<TestCaseData> Cases() =>
        from device in TestDevice.All
        from shape in device == "simulator" ? Shapes : Shapes.Concat(Large)
        select new TestCaseData(device, shape)
        .SetArgDisplayNames(device, $"R{shape.Rows}H{shape.H}D{shape.D}");

    [TestCaseSource(nameof(Cases))]
    public void Results_and_their_sum_are_as_exact_as_float32_allows(string device,
        HeadResultsReference shape)
    {
        using var run = new Run(device, shape);
        double[] exact = shape.Forward(Wide(run.Z), Wide(run.Weight));
        float[] plain = shape.Forward(run.Z, run.Weight);
        (float[] result, float[] attnOut) = run.Forward();
        Agreement.AtMostTwiceFloat32("result", exact, plain, result);
        Agreement.AtMostTwiceFloat32(
            "attnOut", shape.Sum(exact, Wide(run.Bias)), shape.Sum(plain, run.Bias), attnOut);
    }

    [TestCaseSource(nameof(Cases))]
    public void Backward_is_as_exact_as_float32_allows(string device, HeadResultsReference shape)
    {
        using var run = new Run(device, shape);
        var exact = shape.Backward(Wide(run.DResult), Wide(run.Z), Wide(run.Weight));
        var plain = shape.Backward(run.DResult, run.Z, run.Weight);
        (float[] dZ, float[] dWeight) = run.Backward();
        Agreement.AtMostTwiceFloat32("dZ", exact.DZ, plain.DZ, dZ);
        Agreement.AtMostTwiceFloat32("dWeight", PlusOne(exact.DWeight), PlusOne(plain.DWeight), dWeight);
    }

    [Test]
    public void The_oracle_backward_agrees_with_finite_differences()
    {
        var shape = new HeadResultsReference(3, 2, 2);
        double[] z = Wide(Normal(1, 12)), weight = Wide(Normal(2, 16)), dResult = Wide(Normal(3, 24));
        double Loss() => shape.Forward(z, weight).Zip(dResult, (y, g) => y * g).Sum();
        var (dZ, dWeight) = shape.Backward(dResult, z, weight);
        Agreement.Differences("dZ", Loss, z, dZ);
        Agreement.Differences("dWeight", Loss, weight, dWeight);
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void A_row_alone_has_the_bits_it_has_among_others(string device)
    {
        var many = new HeadResultsReference(5, 2, 5);
        using var run = new Run(device, many);
        float[] third = run.Z.AsSpan(2 * many.C, many.C).ToArray();
        using var alone = new Run(device, new(1, 2, 5), third);
        Assert.That(alone.Forward().Result,
            Is.EqualTo(run.Forward().Result.AsSpan(2 * 2 * many.C, 2 * many.C).ToArray()));
    }

    [Test]
    public void The_result_does_not_depend_on_the_number_of_threads()
    {
        using var run = new Run("cpu512", new(67, 3, 24));
        var forward = run.Forward();
        var backward = run.Backward();
        int threads = HostThreads.Count;
        try
        {
            HostThreads.Count = 5;
            Assert.That(run.Forward(), Is.EqualTo(forward));
            Assert.That(run.Backward(), Is.EqualTo(backward));
        }
        finally
        {
            HostThreads.Count = threads;
        }
    }

    [Test]
    public void A_wrong_shape_is_named_in_the_error()
    {
        using var arena = new TensorArena(TestDevice.Open("cpu512"), 256);
        var ops = new Ops(arena.Device);
        Tensor z = arena.Cut("z", 2, 6), weight = arena.Cut("w", 6, 5), result = arena.Cut("result", 2, 2, 6);
        Assert.That(() => ops.HeadResults(z, weight, result, 2),
            Throws.ArgumentException.With.Message.EqualTo("HeadResults: w [6, 5] must have [6, 6]."));
    }

    sealed class Run : IDisposable
    {
        readonly TensorArena _arena;
        readonly HeadResultsReference _shape;
        readonly Ops _ops;
        readonly Tensor _z, _weight, _bias, _result, _attnOut, _dResult, _dZ, _dWeight;

        public Run(string device, HeadResultsReference shape, float[]? z = null)
        {
            _shape = shape;
            (int rows, int H, int C) = (shape.Rows, shape.H, shape.C);
            Z = z ?? Normal(1, rows * C);
            Weight = Normal(2, C * C);
            Bias = Normal(3, C);
            DResult = Normal(4, rows * H * C);
            _arena = new TensorArena(TestDevice.Open(device), rows * C * (3L + 2 * H) + 2L * C * C + C + 256);
            _ops = new Ops(_arena.Device);
            _z = _arena.Upload("z", Z, rows, C);
            _weight = _arena.Upload("weight", Weight, C, C);
            _bias = _arena.Upload("bias", Bias, C);
            _result = _arena.Upload("result", AttentionRun.Garbage(rows * H * C), rows, H, C);
            _attnOut = _arena.Upload("attnOut", AttentionRun.Garbage(rows * C), rows, C);
            _dResult = _arena.Upload("dResult", DResult, rows, H, C);
            _dZ = _arena.Upload("dZ", AttentionRun.Garbage(rows * C), rows, C);
            _dWeight = _arena.Cut("dWeight", C, C);
        }

        public float[] Z { get; }
        public float[] Weight { get; }
        public float[] Bias { get; }
        public float[] DResult { get; }

        public (float[] Result, float[] AttnOut) Forward()
        {
            _ops.HeadResults(_z, _weight, _result, _shape.H);
            _ops.SumHeads(_result, _bias, _attnOut);
            return (_result.ToArray(), _attnOut.ToArray());
        }

        /// <summary>dZ, and dWeight added into ones.</summary>
        public (float[] DZ, float[] DWeight) Backward()
        {
            _dWeight.Upload(Ones((int)_dWeight.Length));
            _ops.HeadResultsBackward(_dResult, _z, _weight, _dZ, _dWeight, _shape.H);
            return (_dZ.ToArray(), _dWeight.ToArray());
        }

        public void Dispose() => _arena.Dispose();
    }
}
