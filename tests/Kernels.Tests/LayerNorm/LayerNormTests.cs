using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.Kernels.Tests.Numbers;

namespace HeadTap.Kernels.Tests;

public class LayerNormTests
{
    const float Eps = 1e-5f;

    // One column; a prime; one past the block size; a wide row; a row with a large mean. Never square.
    static readonly (int Rows, int C, float Mean)[] Shapes =
        [(1, 1, 0f), (3, 7, 0f), (2, 129, 0f), (3, 257, 0f), (2, 96, 1000f)];

    [Test, Combinatorial]
    public void Forward_is_as_exact_as_float32_allows(
        [ValueSource(typeof(TestDevice), nameof(TestDevice.All))] string device,
        [ValueSource(nameof(Shapes))] (int Rows, int C, float Mean) shape)
    {
        using var run = new Run(device, shape.Rows, shape.C, shape.Mean);
        var exact = LayerNormReference.Forward(Wide(run.X), Wide(run.Weight),
            Wide(run.Bias), shape.Rows, Eps);
        var plain = LayerNormReference.Forward(run.X, run.Weight, run.Bias, shape.Rows, Eps);
        run.Forward();
        Agreement.AtMostTwiceFloat32("y", exact.Y, plain.Y, run.Y.ToArray());
    }

    [Test, Combinatorial]
    public void Backward_is_as_exact_as_float32_allows(
        [ValueSource(typeof(TestDevice), nameof(TestDevice.All))] string device,
        [ValueSource(nameof(Shapes))] (int Rows, int C, float Mean) shape)
    {
        using var run = new Run(device, shape.Rows, shape.C, shape.Mean);
        double[] x = Wide(run.X), w = Wide(run.Weight);
        var f64 = LayerNormReference.Forward(x, w, Wide(run.Bias), shape.Rows, Eps);
        var exact = LayerNormReference.Backward(x, w, f64.Mean, f64.Rstd, Wide(run.DY));
        var f32 = LayerNormReference.Forward(run.X, run.Weight, run.Bias, shape.Rows, Eps);
        var plain = LayerNormReference.Backward(run.X, run.Weight, f32.Mean, f32.Rstd, run.DY);
        (float[] dX, float[] dWeight, float[] dBias) = run.Backward();
        Agreement.AtMostTwiceFloat32("dX", PlusOne(exact.DX), PlusOne(plain.DX), dX);
        Agreement.AtMostTwiceFloat32("dWeight", PlusOne(exact.DWeight), PlusOne(plain.DWeight), dWeight);
        Agreement.AtMostTwiceFloat32("dBias", PlusOne(exact.DBias), PlusOne(plain.DBias), dBias);
    }

    [Test]
    public void The_oracle_backward_agrees_with_finite_differences()
    {
        const int rows = 3, C = 5;
        double[] x = Wide(Normal(1, rows * C)), dY = Wide(Normal(4, rows * C));
        double[] w = Wide(Normal(2, C)), b = Wide(Normal(3, C));
        double Loss() => LayerNormReference.Forward(x, w, b, rows, Eps).Y.Zip(dY, (y, g) => y * g).Sum();
        var f = LayerNormReference.Forward(x, w, b, rows, Eps);
        var (dX, dWeight, dBias) = LayerNormReference.Backward(x, w, f.Mean, f.Rstd, dY);
        Agreement.Differences("dX", Loss, x, dX);
        Agreement.Differences("dWeight", Loss, w, dWeight);
        Agreement.Differences("dBias", Loss, b, dBias);
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void Two_runs_agree_bit_for_bit(string device)
    {
        using var run = new Run(device, 3, 257, 0);
        run.Forward();
        float[] first = run.Y.ToArray();
        run.Forward();
        Assert.That(run.Y.ToArray(), Is.EqualTo(first));
    }

    [Test]
    public void The_result_does_not_depend_on_the_number_of_threads()
    {
        using var run = new Run("cpu512", 67, 257, 0);
        run.Forward();
        float[] many = run.Y.ToArray();
        int threads = HostThreads.Count;
        try
        {
            HostThreads.Count = 1;
            run.Forward();
            Assert.That(run.Y.ToArray(), Is.EqualTo(many));
            HostThreads.Count = 5;
            run.Forward();
            Assert.That(run.Y.ToArray(), Is.EqualTo(many));
        }
        finally
        {
            HostThreads.Count = threads;
        }
    }

    [TestCase(16), TestCase(64)]
    public void The_result_does_not_depend_on_the_warp_size(int warpSize)
    {
        using ComputeDevice other = ComputeDevice.OpenSimulator(warpSize);
        using var usual = new Run("simulator", 2, 129, 0);
        usual.Forward();
        using var run = new Run(other, 2, 129, 0);
        run.Forward();
        Assert.That(run.Y.ToArray(), Is.EqualTo(usual.Y.ToArray()));
    }

    [Test]
    public void A_wrong_weight_is_named_in_the_error()
    {
        using var arena = new TensorArena(TestDevice.Open("cpu512"), 256);
        var ops = new Ops(arena.Device);
        Tensor x = arena.Cut("x", 2, 4), w = arena.Cut("ln.weight", 3);
        Assert.That(() => ops.LayerNorm(x, w, w, x, arena.Cut("mean", 2), arena.Cut("rstd", 2)),
            Throws.ArgumentException.With.Message.Contains("LayerNorm: ln.weight [3]"));
    }

    sealed class Run : IDisposable
    {
        readonly TensorArena _arena;
        readonly Ops _ops;
        readonly Tensor _x, _weight, _bias, _dY;

        public Run(string device, int rows, int C, float mean)
            : this(TestDevice.Open(device), rows, C, mean) { }

        public Run(ComputeDevice device, int rows, int C, float mean)
        {
            X = Normal(1, rows * C, mean);
            Weight = Normal(2, C);
            Bias = Normal(3, C);
            DY = Normal(4, rows * C);
            _arena = new TensorArena(device, 4L * rows * C + 6L * C + 2L * rows + 256);
            _ops = new Ops(device);
            _x = _arena.Upload("x", X, rows, C);
            _weight = _arena.Upload("weight", Weight, C);
            _bias = _arena.Upload("bias", Bias, C);
            _dY = _arena.Upload("dY", DY, rows, C);
            Y = _arena.Cut("y", rows, C);
            Mean = _arena.Cut("mean", rows);
            Rstd = _arena.Cut("rstd", rows);
        }

        public float[] X { get; }
        public float[] Weight { get; }
        public float[] Bias { get; }
        public float[] DY { get; }
        public Tensor Y { get; }
        public Tensor Mean { get; }
        public Tensor Rstd { get; }

        public void Forward() => _ops.LayerNorm(_x, _weight, _bias, Y, Mean, Rstd, Eps);

        /// <summary>Gradients, added into ones.</summary>
        public (float[] DX, float[] DWeight, float[] DBias) Backward()
        {
            Forward();
            Tensor dX = _arena.Upload("dX", Ones(X.Length), X.Length / Weight.Length, Weight.Length);
            Tensor dWeight = _arena.Upload("dWeight", Ones(Weight.Length), Weight.Length);
            Tensor dBias = _arena.Upload("dBias", Ones(Weight.Length), Weight.Length);
            _ops.LayerNormBackward(_x, _weight, Mean, Rstd, _dY, dX, dWeight, dBias);
            return (dX.ToArray(), dWeight.ToArray(), dBias.ToArray());
        }

        public void Dispose() => _arena.Dispose();
    }
}
