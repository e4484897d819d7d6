using HeadTap.Runtime;
using static HeadTap.Kernels.Tests.Numbers;

namespace HeadTap.Kernels.Tests;

public class LayerNormTests
{
    const float Eps = 1e-5f;

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
