using HeadTap.Reference;
using HeadTap.Runtime;
using ILGPU.Runtime.Cuda;
using static HeadTap.Kernels.Tests.Numbers;

namespace HeadTap.Kernels.Tests;

public class MatMulTests
{
    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void A_row_alone_gives_the_bits_it_gives_in_a_batch(string device)
    {
        using var run = new Run(device, (11, 263, 547));
        run.Ops.MatMul(run.X, run.Weight, run.Bias, run.Y);
        run.Ops.MatMulTransposed(run.DY, run.Weight, run.DX);
        float[] y = run.Y.ToArray(), dX = run.DX.ToArray();
        for (int row = 0; row < 11; row += 5)
        {
            run.Ops.MatMul(run.X.SliceRows(row, 1), run.Weight, run.Bias, run.Y.SliceRows(row, 1));
            run.Ops.MatMulTransposed(run.DY.SliceRows(row, 1), run.Weight, run.DX.SliceRows(row, 1));
        }
        Assert.That(run.Y.ToArray(), Is.EqualTo(y));
        Assert.That(run.DX.ToArray(), Is.EqualTo(dX));
    }

    [Test]
    public void The_result_does_not_depend_on_threads_or_vectors()
    {
        using var run = new Run("cpu512", (37, 300, 301));
        int threads = HostThreads.Count;
        float[][] first = run.All();
        try
        {
            foreach (string width in TestDevice.Hosts)
                foreach (int count in (int[])[1, 2, 5])
                {
                    TestDevice.Open(width);
                    HostThreads.Count = count;
                    Assert.That(run.All(), Is.EqualTo(first), $"{width}, {count} threads");
                }
        }
        finally
        {
            HostThreads.Count = threads;
        }
    }

    [Test]
    public void The_result_does_not_depend_on_the_warp_size()
    {
        using ComputeDevice other = ComputeDevice.OpenSimulator(warpSize: 64);
        using var usual = new Run("simulator", (3, 18, 70));
        using var run = new Run(other, (3, 18, 70));
        Assert.That(run.All(), Is.EqualTo(usual.All()));
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void Rows_beyond_those_given_are_not_touched(string device)
    {
        using var run = new Run(device, (13, 20, 35));
        run.Y.Upload(Ones(13 * 35));
        run.Ops.MatMul(run.X.SliceRows(3, 9), run.Weight, run.Bias, run.Y.SliceRows(3, 9));
        float[] y = run.Y.ToArray();
        Assert.That(y.Take(3 * 35).Concat(y.Skip(12 * 35)), Is.All.EqualTo(1f));
        Assert.That(y.Skip(3 * 35).Take(9 * 35), Has.None.EqualTo(1f));
    }

    // The portable kernel, and the one with asynchronous copies where they are.
    static IEnumerable<MatMulVariant> LargeVariants(string device)
        => TestDevice.Open(device).Accelerator is CudaAccelerator cuda
            && Precisions.HasTensorCores(cuda.Architecture)
            ? [MatMulVariant.Large, MatMulVariant.Pipelined] : [MatMulVariant.Large];

    // Several tiles with tails, aligned rows and others, tall and wide.
    [Test, Combinatorial]
    public void Tiles_of_both_sizes_give_the_same_bits(
        [ValueSource(typeof(TestDevice), nameof(TestDevice.Ilgpu))] string device,
        [Values("131 37 140", "20 24 132", "129 9 4")] string sizes)
    {
        int[] n = [.. sizes.Split(' ').Select(int.Parse)];
        using var run = new Run(device, (n[0], n[1], n[2]));
        run.Ops.ForcedMatMul = MatMulVariant.Small;
        float[][] small = run.All();
        foreach (MatMulVariant variant in LargeVariants(device))
        {
            run.Ops.ForcedMatMul = variant;
            Assert.That(run.All(), Is.EqualTo(small), $"{variant}");
        }
        Agreement.AtMostTwiceFloat32("y",
            MatMulReference.MatMul(
                Wide(run.XValues), Wide(run.WeightValues), Wide(run.BiasValues), n[0], n[1], n[2]),
            MatMulReference.MatMul(run.XValues, run.WeightValues, run.BiasValues, n[0], n[1], n[2]),
            small[0]);
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void Epilogues_give_the_bits_of_separate_ops(string device)
    {
        using var run = new Run(device, (9, 20, 70));
        using var arena = new TensorArena(run.Y.Device, 3 * 9 * 70 + 256);
        Tensor residual = arena.Upload("residual", Normal(9, 9 * 70), 9, 70), y = arena.Cut("y", 9, 70);
        foreach (MatMulVariant variant in LargeVariants(device).Append(MatMulVariant.Small))
        {
            run.Ops.ForcedMatMul = variant;
            run.Ops.MatMul(run.X, run.Weight, run.Bias, run.Y);
            run.Ops.Add(residual, run.Y, y);
            float[] separate = y.ToArray();
            run.Ops.MatMulAdd(run.X, run.Weight, run.Bias, residual, y);
            Assert.That(y.ToArray(), Is.EqualTo(separate), $"{variant}, residual");
            foreach (Activation kind in Enum.GetValues<Activation>())
            {
                run.Ops.MatMul(run.X, run.Weight, run.Bias, run.Y);
                run.Ops.Activate(run.Y, y, kind);
                separate = y.ToArray();
                run.Ops.MatMulActivate(run.X, run.Weight, run.Bias, y, kind);
                Assert.That(y.ToArray(), Is.EqualTo(separate), $"{variant}, {kind}");
            }
        }
    }

    // 300 rows by 70 columns: items of several blocks and chunks; one row goes another way.
    [Test, Combinatorial]
    public void Gradients_through_a_nonlinearity_have_the_bits_of_separate_ops(
        [ValueSource(typeof(TestDevice), nameof(TestDevice.Quick))] string device,
        [Values] Activation kind, [Values(1, 9, 300)] int rows)
    {
        using var run = new Run(device, (rows, 70, 20));
        run.Ops.MatMulTransposed(run.DY, run.Weight, run.DX);
        run.Ops.ActivateBackward(run.X, run.DX, run.DX, kind);
        float[] separate = run.DX.ToArray();
        run.Ops.Fill(run.DX, float.NaN);
        run.Ops.MatMulTransposedActivateBackward(run.DY, run.Weight, run.X, run.DX, kind);
        Assert.That(run.DX.ToArray(), Is.EqualTo(separate));
        Assert.That(
            () => run.Ops.MatMulTransposedActivateBackward(run.DY, run.Weight, run.DY, run.DX, kind),
            Throws.ArgumentException.With.Message.StartsWith("MatMulTransposedActivateBackward: dY"));
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.Quick))]
    public void No_rows_are_nothing_to_do(string device)
    {
        using var arena = new TensorArena(TestDevice.Open(device), 256);
        var ops = new Ops(arena.Device);
        Tensor weight = arena.Cut("weight", 5, 3);
        Tensor dY = arena.Cut("dY", 0, 3), x = arena.Cut("x", 0, 5), dX = arena.Cut("dX", 0, 5);
        Assert.That(() =>
        {
            ops.MatMulTransposed(dY, weight, dX);
            ops.MatMulTransposedActivateBackward(dY, weight, x, dX, Activation.Relu);
        }, Throws.Nothing);
    }

    [Test]
    public void A_wrong_weight_is_named_in_the_error()
    {
        using var run = new Run("cpu512", (2, 3, 4));
        Assert.That(() => run.Ops.MatMul(run.Y, run.Weight, null, run.Y),
            Throws.ArgumentException.With.Message.EqualTo(
                "MatMul: weight [3, 4] must have as many rows as y [2, 4] has columns."));
        Assert.That(() => run.Ops.MatMulWeightGradient(run.X, run.Y, run.Y),
            Throws.ArgumentException.With.Message.Contains("MatMulWeightGradient: y [2, 4]"));
    }

    sealed class Run : IDisposable
    {
        readonly TensorArena _arena;

        public Run(string device, (int Rows, int K, int N) shape) : this(TestDevice.Open(device), shape) { }

        public Run(ComputeDevice device, (int Rows, int K, int N) shape)
        {
            (int rows, int K, int N) = shape;
            (XValues, WeightValues) = (Normal(1, rows * K), Normal(2, K * N));
            (BiasValues, DYValues) = (Normal(3, N), Normal(4, rows * N));
            _arena = new TensorArena(device, 2L * rows * K + 2L * K * N + 2L * rows * N + 2L * N + 256);
            Ops = new Ops(device);
            X = _arena.Upload("x", XValues, rows, K);
            Weight = _arena.Upload("weight", WeightValues, K, N);
            Bias = _arena.Upload("bias", BiasValues, N);
            DY = _arena.Upload("dY", DYValues, rows, N);
            Y = _arena.Cut("y", rows, N);
            DX = _arena.Cut("dX", rows, K);
            DWeight = _arena.Upload("dWeight", Ones(K * N), K, N);
            DBias = _arena.Upload("dBias", Ones(N), N);
        }

        public Ops Ops { get; }
        public float[] XValues { get; }
        public float[] WeightValues { get; }
        public float[] BiasValues { get; }
        public float[] DYValues { get; }
        public Tensor X { get; }
        public Tensor Weight { get; }
        public Tensor Bias { get; }
        public Tensor DY { get; }
        public Tensor Y { get; }
        public Tensor DX { get; }
        public Tensor DWeight { get; }
        public Tensor DBias { get; }

        /// <summary>Every form; the gradients of the parameters are added into ones.</summary>
        public float[][] All()
        {
            DWeight.Upload(Ones(WeightValues.Length));
            DBias.Upload(Ones(BiasValues.Length));
            Ops.MatMul(X, Weight, Bias, Y);
            Ops.MatMulTransposed(DY, Weight, DX);
            Ops.MatMulWeightGradient(X, DY, DWeight);
            Ops.BiasGradient(DY, DBias);
            return [Y.ToArray(), DX.ToArray(), DWeight.ToArray(), DBias.ToArray()];
        }

        public void Dispose() => _arena.Dispose();
    }
}
