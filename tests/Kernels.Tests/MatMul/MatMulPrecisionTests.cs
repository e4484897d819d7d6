using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.Kernels.Tests.Numbers;

namespace HeadTap.Kernels.Tests;

/// <summary>
/// Products in TF32 and BF16: the very kernels that CUDA runs, on the interpreter of PTX, and on tensor cores
/// where the machine has them. The yardstick is a plain float32 loop over operands rounded the same way.
/// </summary>
public class MatMulPrecisionTests
{
    static readonly Precision[] Reduced = [Precision.Tf32, Precision.Bf16];

    // Aligned and not; a tail of terms; two tiles down, two tiles across; less than one fragment; several
    // tiles each way and more steps of terms than a pipeline has stages, aligned and not.
    static readonly (int Rows, int K, int N)[] Shapes =
        [(20, 36, 12), (17, 21, 9), (131, 16, 8), (3, 5, 130), (257, 133, 389), (264, 160, 136)];

    // Long sums, and more groups than run at once: the interpreter takes seconds and sees no more there.
    static readonly (int Rows, int K, int N)[] CudaShapes = [(257, 771, 389), (512, 768, 640)];

    static IEnumerable<TestCaseData> Products() =>
        from device in TestDevice.TensorCores
        from precision in Reduced
        from shape in device == "cuda" ? Shapes.Concat(CudaShapes) : Shapes
        select new TestCaseData(device, precision, shape);

    static IEnumerable<TestCaseData> DevicePrecisions() =>
        from device in TestDevice.TensorCores
        from precision in Reduced
        select new TestCaseData(device, precision);

    [TestCaseSource(nameof(Products))]
    public void Products_are_those_of_rounded_operands(
        string device, Precision precision, (int Rows, int K, int N) shape)
    {
        (int rows, int K, int N) = shape;
        float[] x = Normal(1, rows * K), weight = Normal(2, K * N), bias = Normal(3, N),
            dY = Normal(4, rows * N);
        using var run = new Run(device, precision, 4L * (rows * K + K * N + rows * N + N) + 512);
        Tensor xs = run.Arena.Upload("x", x, rows, K), ws = run.Arena.Upload("weight", weight, K, N);
        Tensor bs = run.Arena.Upload("bias", bias, N), dYs = run.Arena.Upload("dY", dY, rows, N);
        Tensor y = run.Arena.Upload("y", Ones(rows * N), rows, N), dX = run.Arena.Cut("dX", rows, K);
        Tensor dWeight = run.Arena.Upload("dWeight", Ones(K * N), K, N);
        (x, weight, dY) = (run.Rounded(x), run.Rounded(weight), run.Rounded(dY));
        float[][] Found(MatMulVariant variant)
        {
            run.Ops.ForcedMatMul = variant;
            y.Upload(Ones(rows * N));
            dWeight.Upload(Ones(K * N));
            run.Ops.MatMul(xs, ws, bs, y, accumulate: true);
            run.Ops.MatMulTransposed(dYs, ws, dX);
            run.Ops.MatMulWeightGradient(xs, dYs, dWeight);
            return [y.ToArray(), dX.ToArray(), dWeight.ToArray()];
        }
        (MatMulVariant large, MatMulVariant small) = precision == Precision.Tf32
            ? (MatMulVariant.Tf32, MatMulVariant.Tf32Small) : (MatMulVariant.Bf16, MatMulVariant.Bf16Small);
        float[][] found = Found(large);
        Agreement.AtMostTwiceFloat32("y added",
            PlusOne(MatMulReference.MatMul(Wide(x), Wide(weight), Wide(bias), rows, K, N)),
            PlusOne(MatMulReference.MatMul(x, weight, bias, rows, K, N)), found[0]);
        var exact = MatMulReference.Backward(Wide(x), Wide(weight), Wide(dY), rows, K, N);
        var plain = MatMulReference.Backward(x, weight, dY, rows, K, N);
        Agreement.AtMostTwiceFloat32("dX", exact.DX, plain.DX, found[1]);
        Agreement.AtMostTwiceFloat32("dWeight", PlusOne(exact.DWeight), PlusOne(plain.DWeight), found[2]);
        Assert.That(Found(small), Is.EqualTo(found), "tiles of 64 x 64");
    }

    [TestCaseSource(nameof(DevicePrecisions))]
    public void Parts_of_tensors_at_odd_places_are_right_and_their_neighbours_untouched(
        string device, Precision precision)
    {
        // x [6, 8] begins at element 3 of rows of 11, weight [8, 5] at element 1, y has rows of 9: nothing is
        // aligned.
        float[] x = Normal(1, 100), weight = Normal(2, 60);
        using var run = new Run(device, precision, 512);
        Tensor y = run.Arena.Upload("y", Ones(80), 80);
        run.Ops.Product(run.Arena.Upload("x", x, 100).Slice("part", 3, 90),
            run.Arena.Upload("weight", weight, 60).Slice("part", 1, 50), null, y.Slice("part", 2, 70),
            new MatMulShape(6, 5, 8, 11, 1, 5, 1, 9, 0));
        float[] left = run.Rounded(x), right = run.Rounded(weight), found = y.ToArray();
        for (int at = 0; at < 80; at++)
        {
            int row = (at - 2) / 9, column = (at - 2) % 9;
            double sum = at < 2 || row >= 6 || column >= 5 ? 1
                : Enumerable.Range(0, 8).Sum(k => (double)left[3 + row * 11 + k] * right[1 + k * 5 + column]);
            Assert.That(Math.Abs(found[at] - sum) <= 1e-5, Is.True, $"{at}: {found[at]}, expected {sum}");
        }
    }

    [TestCaseSource(nameof(DevicePrecisions))]
    public void No_terms_leave_the_bias_and_two_runs_agree(string device, Precision precision)
    {
        using var run = new Run(device, precision, 4096);
        Tensor bias = run.Arena.Upload("bias", Normal(1, 3), 3), y = run.Arena.Cut("y", 2, 3);
        run.Ops.Product(run.Arena.Cut("none", 1), run.Arena.Cut("none", 1), bias, y,
            MatMulShape.Plain(2, 3, 0, false));
        Assert.That(y.ToArray(), Is.EqualTo(bias.ToArray().Concat(bias.ToArray())));

        Tensor x = run.Arena.Upload("x", Normal(2, 9 * 18), 9, 18),
            weight = run.Arena.Upload("w", Normal(3, 18 * 7), 18, 7);
        Tensor first = run.Arena.Cut("first", 9, 7), second = run.Arena.Cut("second", 9, 7);
        run.Ops.MatMul(x, weight, null, first);
        run.Ops.MatMul(x, weight, null, second);
        Assert.That(second.ToArray(), Is.EqualTo(first.ToArray()));
    }

    [TestCase("cpu")]
    [TestCase("simulator")]
    public void A_device_without_tensor_cores_is_refused_in_one_line(string name)
    {
        Assert.That(() => ComputeDevice.Open(name, Precision.Tf32),
            Throws.TypeOf<UserException>().With.Message.EqualTo(
            $"device {name} has no tf32: it takes a CUDA device of compute capability 8.0 or later; "
            + "use Precision fp32"));
        using ComputeDevice device = ComputeDevice.Open(name, Precision.Fp32);
        Assert.That(device.Precision, Is.EqualTo(Precision.Fp32));
    }

    [Test]
    public void Unknown_precisions_are_refused()
        => Assert.That(() => Precisions.Parse("fp16"), Throws.TypeOf<UserException>().With.Message.EqualTo(
            "precision \"fp16\" is unknown; expected fp32, tf32 or bf16"));

    // docs/numerics.md has these figures. An operand rounded to u of its size at most errs by u / sqrt(3) on
    // average, two of them by u sqrt(2 / 3); the sums of a plain float32 loop by 2^-24 sqrt(K).
    [TestCase(64)]
    [TestCase(768)]
    [TestCase(3072)]
    public void Errors_are_those_of_the_operands_rounding(int K)
    {
        double Error(Func<float, float> round)
        {
            const int rows = 16, N = 16;
            float[] x = Normal(K, rows * K), weight = Normal(K + 1, K * N);
            double[] exact = MatMulReference.MatMul(Wide(x), Wide(weight), null, rows, K, N);
            float[] found = MatMulReference.MatMul(
                Array.ConvertAll(x, v => round(v)), Array.ConvertAll(weight, v => round(v)),
                null, rows, K, N);
            return Math.Sqrt(exact.Zip(found, (e, f) => (e - f) * (e - f)).Average()
                / exact.Average(e => e * e));
        }
        double fp32 = Error(v => v), tf32 = Error(ReducedPrecision.Tf32), bf16 = Error(ReducedPrecision.Bf16);
        TestContext.Out.WriteLine($"K {K}: fp32 {fp32:E2}, tf32 {tf32:E2}, bf16 {bf16:E2}");
        Assert.That(fp32 <= Math.ScaleB(1, -24) * Math.Sqrt(K), Is.True, $"fp32 {fp32:E2}");
        Assert.That(tf32 <= Math.ScaleB(1, -11) * Math.Sqrt(2.0 / 3), Is.True, $"tf32 {tf32:E2}");
        Assert.That(bf16 <= Math.ScaleB(1, -8) * Math.Sqrt(2.0 / 3), Is.True, $"bf16 {bf16:E2}");
        Assert.That(fp32 < tf32 && tf32 < bf16, Is.True);
    }

    sealed class Run : IDisposable
    {
        readonly ComputeDevice _device;

        public Run(string device, Precision precision, long floats)
        {
            _device = TensorCoreDevice.Open(device, precision);
            Ops = new Ops(_device);
            Arena = new TensorArena(_device, floats);
        }

        public Ops Ops { get; }

        public TensorArena Arena { get; }

        public float[] Rounded(float[] values) => Array.ConvertAll(values,
            v => _device.Precision == Precision.Tf32 ? ReducedPrecision.Tf32(v) : ReducedPrecision.Bf16(v));

        public void Dispose()
        {
            Arena.Dispose();
            _device.Precision = Precision.Fp32;
        }
    }
}
