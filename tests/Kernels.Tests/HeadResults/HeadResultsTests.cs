using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.Kernels.Tests.Numbers;

namespace HeadTap.Kernels.Tests;

public class HeadResultsTests
{
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

    // Every kernel of the product where it runs at a test's pace, and shapes past its tiles.
    static IEnumerable<TestCaseData> OneLaunchCases() =>
        from device in TestDevice.Ilgpu
        from variant in (MatMulVariant[])[MatMulVariant.Small, MatMulVariant.Large, MatMulVariant.Tf32,
            MatMulVariant.Bf16]
        where device is "cuda" or "ptx" || variant is MatMulVariant.Small or MatMulVariant.Large
        from shape in device == "simulator" ? new HeadResultsReference[] { new(5, 3, 6) }
            : [new(5, 3, 6), new(70, 2, 40), new(131, 3, 64)]
        select new TestCaseData(device, shape, variant.ToString())
        .SetArgDisplayNames(device, $"R{shape.Rows}H{shape.H}D{shape.D}", variant.ToString());

    [TestCaseSource(nameof(OneLaunchCases))]
    public void One_launch_gives_the_bits_of_a_product_for_each_head(
        string device, HeadResultsReference shape, string variant)
    {
        var forced = Enum.Parse<MatMulVariant>(variant);
        _ = TensorCoreDevice.Open(device, forced);
        using var run = new Run(device, shape);
        run.Ops.ForcedMatMul = forced;
        long before = run.Ops.Device.OpCount;
        float[] result = run.Forward().Result;
        (float[] dZ, float[] dWeight) = run.Backward();
        Assert.That(run.Ops.Device.OpCount - before, Is.EqualTo(4), "one each, and the sum of the heads");
        run.ByHeads();
        Assert.That(run.Result.ToArray(), Is.EqualTo(result));
        Assert.That(run.DZ.ToArray(), Is.EqualTo(dZ));
        Assert.That(run.DWeight.ToArray(), Is.EqualTo(dWeight));
    }

    [Test]
    public void A_wrong_shape_is_named_in_the_error()
    {
        using var arena = new TensorArena(TestDevice.Open("cpu512"), 256);
        var ops = new Ops(arena.Device);
        Tensor z = arena.Cut("z", 2, 6), weight = arena.Cut("w", 6, 5), result = arena.Cut("result", 2, 2, 6);
        Assert.That(() => ops.HeadResults(z, weight, result, 2),
            Throws.ArgumentException.With.Message.EqualTo("HeadResults: w [6, 5] must have [6, 6]."));
        Tensor square = arena.Cut("w", 6, 6), four = arena.Cut("result", 2, 4, 6);
        Assert.That(() => ops.HeadResults(z, square, four, 4), Throws.ArgumentException.With.Message.EqualTo(
            "HeadResults: the last axis of z [2, 6] must be a multiple of 4 heads."));
    }

    sealed class Run : IDisposable
    {
        readonly TensorArena _arena;
        readonly HeadResultsReference _shape;
        readonly Tensor _z, _weight, _bias, _attnOut, _dResult;

        public Run(string device, HeadResultsReference shape, float[]? z = null)
        {
            _shape = shape;
            (int rows, int H, int C) = (shape.Rows, shape.H, shape.C);
            Z = z ?? Normal(1, rows * C);
            Weight = Normal(2, C * C);
            Bias = Normal(3, C);
            DResult = Normal(4, rows * H * C);
            _arena = new TensorArena(TestDevice.Open(device), rows * C * (3L + 2 * H) + 2L * C * C + C + 256);
            Ops = new Ops(_arena.Device);
            _z = _arena.Upload("z", Z, rows, C);
            _weight = _arena.Upload("weight", Weight, C, C);
            _bias = _arena.Upload("bias", Bias, C);
            Result = _arena.Upload("result", AttentionRun.Garbage(rows * H * C), rows, H, C);
            _attnOut = _arena.Upload("attnOut", AttentionRun.Garbage(rows * C), rows, C);
            _dResult = _arena.Upload("dResult", DResult, rows, H, C);
            DZ = _arena.Upload("dZ", AttentionRun.Garbage(rows * C), rows, C);
            DWeight = _arena.Cut("dWeight", C, C);
        }

        public Ops Ops { get; }
        public Tensor Result { get; }
        public Tensor DZ { get; }
        public Tensor DWeight { get; }
        public float[] Z { get; }
        public float[] Weight { get; }
        public float[] Bias { get; }
        public float[] DResult { get; }

        public (float[] Result, float[] AttnOut) Forward()
        {
            Ops.HeadResults(_z, _weight, Result, _shape.H);
            Ops.HeadResultsSum(Result, _bias, _attnOut);
            return (Result.ToArray(), _attnOut.ToArray());
        }

        /// <summary>dZ, and dWeight added into ones.</summary>
        public (float[] DZ, float[] DWeight) Backward()
        {
            DWeight.Upload(Ones((int)DWeight.Length));
            Ops.HeadResultsBackward(_dResult, _z, _weight, DZ, DWeight, _shape.H);
            return (DZ.ToArray(), DWeight.ToArray());
        }

        /// <summary>The three products again, a launch for each head; terms are not cut.</summary>
        public void ByHeads()
        {
            (int rows, int H, int D, int C) = (_shape.Rows, _shape.H, _shape.D, _shape.C);
            DWeight.Upload(Ones((int)DWeight.Length));
            Result.Upload(AttentionRun.Garbage(rows * H * C));
            DZ.Upload(AttentionRun.Garbage(rows * C));
            Ops.ForcedParts = 1;
            for (int h = 0; h < H; h++)
            {
                Tensor zOfHead = From(_z, h * D), weight = From(_weight, h * D * C);
                Tensor dOfHead = From(_dResult, h * C);
                Ops.Product(zOfHead, weight, null, From(Result, h * C),
                    MatMulShape.HeadResults(rows, C, H));
                Ops.Product(dOfHead, weight, null, From(DZ, h * D),
                    MatMulShape.HeadResultsInput(rows, C, H));
                Ops.Product(zOfHead, dOfHead, null, From(DWeight, h * D * C),
                    MatMulShape.HeadResultsWeight(rows, C, H));
            }
        }

        static Tensor From(Tensor whole, int offset)
            => whole.Slice(whole.Name, offset, (int)whole.Length - offset);

        public void Dispose() => _arena.Dispose();
    }
}
