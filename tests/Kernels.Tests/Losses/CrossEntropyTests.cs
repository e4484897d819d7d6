using HeadTap.Runtime;
using static HeadTap.Kernels.Tests.Numbers;

namespace HeadTap.Kernels.Tests;

public class CrossEntropyTests
{
    const float Scale = 0.25f;

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void Equal_logits_cost_the_logarithm_of_the_vocabulary(string device)
    {
        using var run = new Run(device, Enumerable.Repeat(-1e4f, 2 * 1025).ToArray(), [1024, 0]);
        (float[] losses, float[] dLogits) = run.Go(true, false);
        Assert.That(losses, Is.All.EqualTo(MathF.Log(1025)).Within(1e-6));
        Assert.That(dLogits[0], Is.EqualTo(Scale / 1025).Within(1e-9));
        Assert.That(dLogits[1024], Is.EqualTo(Scale / 1025 - Scale).Within(1e-7));
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void Rows_that_are_not_counted_cost_nothing_even_when_they_hold_NaN(string device)
    {
        float[] logits = Normal(1, 3 * 70);
        logits[75] = float.NaN;
        using var run = new Run(device, logits, [3, -1, 5]);
        (float[] losses, float[] dLogits) = run.Go(true, false);
        Assert.That(losses[1], Is.Zero);
        Assert.That(dLogits.AsSpan(70, 70).ToArray(), Is.All.Zero);
        Assert.That(losses[0] > 0 && losses[2] > 0, Is.True);
    }

    [Test, Combinatorial]
    public void NaN_and_infinite_logits_are_visible_in_the_loss(
        [ValueSource(typeof(TestDevice), nameof(TestDevice.All))] string device,
        [Values(float.NaN, float.PositiveInfinity)] float value,
        [Values(0, 1, 699, 1100)] int place)
    {
        float[] logits = Normal(1, 2 * 1101);
        logits[place] = value;
        using var run = new Run(device, logits, [2, 2]);
        (float[] losses, float[] dLogits) = run.Go(true, false);
        Assert.That(losses[0], Is.NaN);
        Assert.That(dLogits[2], Is.NaN);
        Assert.That(float.IsFinite(losses[1]), Is.True);
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void Logits_of_minus_infinity_have_no_mass(string device)
    {
        float[] logits = [.. Enumerable.Repeat(float.NegativeInfinity, 1030), 1f, 2f];
        using var run = new Run(device, logits, [1030]);
        (float[] losses, float[] dLogits) = run.Go(true, false);
        Assert.That(losses[0], Is.EqualTo(Math.Log(1 + Math.E)).Within(1e-6));
        Assert.That(dLogits.AsSpan(0, 1030).ToArray(), Is.All.Zero);
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void A_target_outside_the_vocabulary_gives_NaN_and_touches_nothing_else(string device)
    {
        using var run = new Run(device, Normal(1, 3 * 40), [40, 1, -7]);
        (float[] losses, float[] dLogits) = run.Go(true, false);
        Assert.That(losses[0], Is.NaN);
        Assert.That(losses[2], Is.NaN);
        Assert.That(float.IsFinite(losses[1]), Is.True);
        Assert.That(dLogits.AsSpan(40, 40).ToArray().All(float.IsFinite), Is.True);
    }

    [Test]
    public void A_wrong_number_of_targets_is_named_in_the_error()
    {
        using var arena = new TensorArena(TestDevice.Open("cpu512"), 256);
        var ops = new Ops(arena.Device);
        Tensor logits = arena.Cut("logits", 2, 4), losses = arena.Cut("losses", 2);
        IndexTensor targets = arena.CutIndices("targets", 3);
        Assert.That(() => ops.CrossEntropy(logits, targets, losses, null, 1),
            Throws.ArgumentException.With.Message.Contains("CrossEntropy: targets [3]"));
    }

    sealed class Run : IDisposable
    {
        readonly TensorArena _arena;
        readonly Ops _ops;
        readonly Tensor _logits, _losses, _dLogits;
        readonly IndexTensor _targets;

        public Run(string device, (int Rows, int V, float Mean, float Deviation) shape)
            : this(device, Normal(1, shape.Rows * shape.V, shape.Mean, shape.Deviation),
                [shape.V - 1, .. Integers(2, shape.Rows - 2, shape.V), -1])
        {
        }

        public Run(string device, float[] logits, int[] targets)
        {
            (Logits, Targets) = (logits, targets);
            int rows = targets.Length, V = logits.Length / rows;
            _arena = new TensorArena(TestDevice.Open(device), 2L * logits.Length + 2 * rows + 256);
            _ops = new Ops(_arena.Device);
            _logits = _arena.Cut("logits", rows, V);
            _dLogits = _arena.Cut("dLogits", rows, V);
            _losses = _arena.Cut("losses", rows);
            _targets = _arena.UploadIndices("targets", targets);
        }

        public float[] Logits { get; }

        public int[] Targets { get; }

        public (float[] Losses, float[] DLogits) Go(bool withGradient, bool inPlace)
        {
            _logits.Upload(Logits);
            _dLogits.Upload(Ones(Logits.Length)); // what is written must not be added to
            Tensor d = inPlace ? _logits : _dLogits;
            _ops.CrossEntropy(_logits, _targets, _losses, withGradient ? d : null, Scale);
            return (_losses.ToArray(), d.ToArray());
        }

        public void Dispose() => _arena.Dispose();
    }
}
