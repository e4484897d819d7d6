using HeadTap.Runtime;
using static HeadTap.Kernels.Tests.Numbers;

namespace HeadTap.Kernels.Tests;

public class EditTests
{
    const int Rows = 6, Column = 3;

    // Out of order, one padded place, rows 1 and 3 never listed.
    static readonly int[] Ids = [4, -1, 0, 5, 2];

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void An_empty_list_changes_nothing(string device)
    {
        using var run = new Run(device, 7);
        Tensor mean = run.Upload(Ones(7), 7);
        run.Edit((ops, x, _) =>
        {
            IndexTensor none = run.Arena.CutIndices("none", 0);
            ops.EditAdd(none, mean, x, Column, 1f);
            ops.EditReplace(none, mean, x, Column);
            ops.EditScale(none, x, Column, 7, 0f);
            ops.EditProjectOut(none, mean, x, Column, 1f);
            ops.EditMean(none, x, mean, Column, 7);
        });
        Assert.That(run.After, Is.EqualTo(run.Before));
        Assert.That(mean.ToArray(), Is.All.Zero);
    }

    [TestCase(16), TestCase(64)]
    public void ProjectOut_does_not_depend_on_the_warp_size(int warpSize)
    {
        float[] Edited(ComputeDevice device)
        {
            using var run = new Run(device, 129);
            run.Edit((ops, x, ids) => ops.EditProjectOut(ids, run.Upload(Unit(3, 129), 129), x, Column, 1f));
            return run.After;
        }
        using ComputeDevice other = ComputeDevice.OpenSimulator(warpSize);
        Assert.That(Edited(other), Is.EqualTo(Edited(TestDevice.Open("simulator"))));
    }

    [Test]
    public void What_does_not_fit_is_named_in_the_error()
    {
        using var run = new Run("cpu512", 7);
        Tensor values = run.Upload(Ones(14), 7);
        run.Edit((ops, x, ids) =>
        {
            Assert.That(() => ops.EditScale(ids, x, Column, run.Stride, 0f),
                Throws.ArgumentException.With.Message.Contains(
                    "EditScale: columns 3 to 14 are not all in x [6, 12]"));
            Assert.That(() => ops.EditAdd(ids, values, x, Column, 1f),
                Throws.ArgumentException.With.Message.Contains("EditAdd: values [2, 7] must be one row"));
            Assert.That(() => ops.EditScale(run.Arena.UploadIndices("rows", [0, Rows]), x, 0, 1, 0f),
                Throws.ArgumentException.With.Message.Contains("EditScale: rows [2] holds 6 at 1"));
        });
        Assert.That(run.After, Is.EqualTo(run.Before));
    }

    static float[] Unit(int seed, int width)
    {
        float[] direction = Normal(seed, width);
        float norm = MathF.Sqrt(direction.Sum(v => v * v));
        return [.. direction.Select(v => v / norm)];
    }

    sealed class Run : IDisposable
    {
        readonly int _width;

        public Run(string device, int width, float first = 2f)
            : this(TestDevice.Open(device), width, first) { }

        /// <summary>
        /// Rows of normal values; the first edited value of each is <paramref name="first"/>.
        /// </summary>
        public Run(ComputeDevice device, int width, float first = 2f)
        {
            _width = width;
            Stride = Column + width + 2;
            Before = Normal(1, Rows * Stride);
            for (int row = 0; row < Rows; row++)
                Before[row * Stride + Column] = first;
            Arena = new TensorArena(device, 2L * Rows * Stride + 512);
        }

        public TensorArena Arena { get; }
        public int Stride { get; }
        public float[] Before { get; }
        public float[] After { get; set; } = [];

        public Tensor Upload(float[] values, int width)
            => Arena.Upload("values", values, values.Length / width, width);

        public void Edit(Action<Ops, Tensor, IndexTensor> edit)
        {
            Tensor x = Arena.Upload("x", Before, Rows, Stride);
            edit(new Ops(Arena.Device), x, Arena.UploadIndices("rows", Ids));
            After = x.ToArray();
        }

        public float[] Row(float[] x, int row) => x.AsSpan(row * Stride + Column, _width).ToArray();

        public void AssertTheRestIsUntouched()
        {
            for (int i = 0; i < Before.Length; i++)
                if (!Ids.Contains(i / Stride) || i % Stride < Column || i % Stride >= Column + _width)
                    Assert.That(After[i], Is.EqualTo(Before[i]), $"row {i / Stride}, column {i % Stride}");
        }

        public void Dispose() => Arena.Dispose();
    }
}
