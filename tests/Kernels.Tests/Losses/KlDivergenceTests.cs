using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.Kernels.Tests.Numbers;

namespace HeadTap.Kernels.Tests;

public class KlDivergenceTests
{
    const float Scale = 0.25f;

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void Equal_rows_give_exactly_zero_and_no_gradient(string device)
    {
        float[] logits = Normal(1, 2 * 1027, -100, 7);
        using var run = new Run(device, logits, logits, 2);
        (float[] losses, float[] dLogits) = run.Go(true, false);
        Assert.That(losses, Is.All.Zero);
        Assert.That(dLogits, Is.All.Zero);
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void A_shift_of_all_logits_changes_nothing_but_rounding(string device)
    {
        float[] logits = [.. Numbers.Integers(1, 2 * 600, 64).Select(i => i / 8f)];
        using var run = new Run(device, logits, [.. logits.Select(v => v + 1024)], 2);
        (float[] losses, float[] dLogits) = run.Go(true, false);
        Assert.That(losses, Is.All.Zero, "the shift is exact in float32");
        Assert.That(dLogits, Is.All.Zero);
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void Nearly_equal_rows_are_below_zero_by_rounding_at_most(string device)
    {
        float[] a = Normal(1, 16 * 300), noise = Normal(2, 16 * 300, 0, 1e-5f);
        using var run = new Run(device, a, [.. a.Zip(noise, (x, n) => x + n)], 16);
        (float[] losses, _) = run.Go(false, false);
        Assert.That(losses.All(loss => Math.Abs(loss) < 2e-6), Is.True, string.Join(" ", losses));
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void Masked_logits_weigh_nothing_and_missing_mass_is_infinite(string device)
    {
        const float none = float.NegativeInfinity;
        using var run = new Run(device, [1, none, 2, 1, 0, 0], [2, none, 1, 1, none, 0], 2);
        (float[] losses, _) = run.Go(true, false);
        double[] expected = KlDivergenceReference.Forward<double>([1, 2], [2, 1], 1);
        Assert.That(losses[0], Is.EqualTo(expected[0]).Within(1e-6));
        Assert.That(losses[1], Is.EqualTo(float.PositiveInfinity));
    }

    [Test, Combinatorial]
    public void NaN_is_visible_in_the_loss(
        [ValueSource(typeof(TestDevice), nameof(TestDevice.All))] string device,
        [Values] bool inTarget, [Values(0, 700, 1100)] int place)
    {
        float[] a = Normal(1, 2 * 1101), b = Normal(2, 2 * 1101);
        (inTarget ? a : b)[place] = float.NaN;
        using var run = new Run(device, a, b, 2);
        (float[] losses, float[] dLogits) = run.Go(true, false);
        Assert.That(losses[0], Is.NaN);
        Assert.That(dLogits[3], Is.NaN);
        Assert.That(losses[1] > 0, Is.True);
    }

    [Test]
    public void A_wrong_shape_is_named_in_the_error()
    {
        using var arena = new TensorArena(TestDevice.Open("cpu512"), 256);
        var ops = new Ops(arena.Device);
        Tensor a = arena.Cut("a", 3, 4), b = arena.Cut("b", 2, 4), losses = arena.Cut("losses", 2);
        Assert.That(() => ops.KlDivergence(a, b, losses, null, 1),
            Throws.ArgumentException.With.Message.Contains("KlDivergence: a [3, 4]"));
    }

    sealed class Run : IDisposable
    {
        readonly TensorArena _arena;
        readonly Ops _ops;
        readonly Tensor _a, _b, _losses, _dLogits;

        public Run(string device, (int Rows, int V, float Mean, float Deviation) shape)
            : this(device, Normal(1, shape.Rows * shape.V, shape.Mean, shape.Deviation),
                Normal(2, shape.Rows * shape.V, shape.Mean, shape.Deviation), shape.Rows)
        {
        }

        public Run(string device, float[] a, float[] b, int rows)
        {
            (A, B) = (a, b);
            int V = a.Length / rows;
            _arena = new TensorArena(TestDevice.Open(device), 3L * a.Length + rows + 256);
            _ops = new Ops(_arena.Device);
            _a = _arena.Upload("a", a, rows, V);
            _b = _arena.Cut("b", rows, V);
            _dLogits = _arena.Cut("dLogits", rows, V);
            _losses = _arena.Cut("losses", rows);
        }

        public float[] A { get; }

        public float[] B { get; }

        public (float[] Losses, float[] DLogits) Go(bool withGradient, bool inPlace)
        {
            _b.Upload(B);
            _dLogits.Upload(Ones(B.Length)); // what is written must not be added to
            Tensor d = inPlace ? _b : _dLogits;
            _ops.KlDivergence(_a, _b, _losses, withGradient ? d : null, Scale);
            return (_losses.ToArray(), d.ToArray());
        }

        public void Dispose() => _arena.Dispose();
    }
}
