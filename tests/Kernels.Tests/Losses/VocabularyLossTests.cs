using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.Kernels.Tests.Numbers;

namespace HeadTap.Kernels.Tests;

/// <summary>
/// Losses of x W + b whose logits pass by in chunks, and the ops on one chunk that they are made of.
/// </summary>
public class VocabularyLossTests
{
    const float Scale = 0.25f;

    // One chunk that is not full; the last one short; chunks past the kernel's block; a chunk of one column.
    static readonly (int Rows, int K, int V, int Chunk)[] Shapes =
        [(3, 5, 7, 9), (2, 3, 131, 50), (3, 17, 330, 260), (2, 4, 6, 1)];

    [Test, Combinatorial]
    public void Cross_entropy_is_as_exact_as_float32_allows(
        [ValueSource(typeof(TestDevice), nameof(TestDevice.All))] string device,
        [ValueSource(nameof(Shapes))] (int Rows, int K, int V, int Chunk) shape,
        [Values] bool transposed)
    {
        using var run = new Run(device, shape, transposed);
        run.CrossEntropy(Scale);
        Agreement.AtMostTwiceFloat32("losses",
            VocabularyLossReference.CrossEntropy(Wide(run.X), Wide(run.W), Wide(run.B), run.Targets, shape.K),
            VocabularyLossReference.CrossEntropy(run.X, run.W, run.B, run.Targets, shape.K), run.Losses);
        run.AssertGradients(
            VocabularyLossReference.CrossEntropyBackward(
                Wide(run.X), Wide(run.W), Wide(run.B), run.Targets, shape.K, Scale),
            VocabularyLossReference.CrossEntropyBackward(run.X, run.W, run.B, run.Targets, shape.K, Scale));
    }

    [Test, Combinatorial]
    public void Kl_divergence_is_as_exact_as_float32_allows(
        [ValueSource(typeof(TestDevice), nameof(TestDevice.All))] string device,
        [ValueSource(nameof(Shapes))] (int Rows, int K, int V, int Chunk) shape,
        [Values] bool transposed)
    {
        using var run = new Run(device, shape, transposed);
        (int rows, int K, _, _) = shape;
        run.Kl(run.HeldTarget, Scale);
        Agreement.AtMostTwiceFloat32("losses",
            VocabularyLossReference.KlDivergence(Wide(run.Target), Wide(run.X),
                Wide(run.W), Wide(run.B), rows, K),
            VocabularyLossReference.KlDivergence(run.Target, run.X, run.W, run.B, rows, K), run.Losses);
        run.AssertGradients(
            VocabularyLossReference.KlDivergenceBackward(
                Wide(run.Target), Wide(run.X), Wide(run.W), Wide(run.B), rows, K, Scale),
            VocabularyLossReference.KlDivergenceBackward(run.Target, run.X, run.W, run.B, rows, K, Scale));
    }

    [Test]
    public void The_oracle_backward_agrees_with_finite_differences()
    {
        const int rows = 2, K = 3, V = 5;
        double[] x = Wide(Normal(1, rows * K)), w = Wide(Normal(2, K * V)), b = Wide(Normal(3, V));
        double[] target = Wide(Normal(4, rows * V));
        int[] targets = [4, 0];
        var cross = VocabularyLossReference.CrossEntropyBackward(x, w, b, targets, K, 1);
        var kl = VocabularyLossReference.KlDivergenceBackward(target, x, w, b, rows, K, 1);
        double Cross() => VocabularyLossReference.CrossEntropy(x, w, b, targets, K).Sum();
        double Kl() => VocabularyLossReference.KlDivergence(target, x, w, b, rows, K).Sum();
        Agreement.Differences("dX", Cross, x, cross.DX);
        Agreement.Differences("dW", Cross, w, cross.DWeight);
        Agreement.Differences("db", Cross, b, cross.DBias);
        Agreement.Differences("dX", Kl, x, kl.DX);
        Agreement.Differences("dW", Kl, w, kl.DWeight);
        Agreement.Differences("db", Kl, b, kl.DBias);
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void A_target_made_in_chunks_gives_the_bits_of_one_that_is_held(string device)
    {
        using var run = new Run(device, (4, 6, 700, 256), transposed: true);
        run.Kl(run.MappedTarget, Scale);
        (float[] losses, float[] dX) = (run.Losses, run.DX);
        run.HoldMappedTarget();
        run.Kl(run.HeldTarget, Scale);
        Assert.That(run.Losses, Is.EqualTo(losses));
        Assert.That(run.DX, Is.EqualTo(dX));
        Assert.That(losses.All(loss => loss > 0), Is.True);
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void Equal_logits_give_exactly_zero_and_no_gradient(string device)
    {
        using var run = new Run(device, (3, 5, 900, 256), transposed: false);
        run.Kl(new TargetLogits.Mapped(run.XTensor, run.Map), Scale);
        Assert.That(run.Losses, Is.All.Zero);
        Assert.That(run.DX, Is.All.Zero);
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void A_shift_of_all_logits_changes_nothing(string device)
    {
        // The largest logits of the two rows come in different chunks, so both maxima move, at different
        // times.
        float[] a = [.. Integers(1, 2 * 600, 64).Select(i => i / 8f)];
        (a[590], a[610]) = (20, 30);
        using var chunks = new Chunks(device, a, [.. a.Select(v => v + 1024)], 2, 256);
        Assert.That(chunks.Kl(), Is.All.Zero, "the shift is exact in float32");
        Assert.That(chunks.Gradient(), Is.All.Zero);
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void Chunks_without_mass_weigh_nothing_and_missing_mass_is_infinite(string device)
    {
        const float none = float.NegativeInfinity;
        // Row 0: the first chunk is empty in both. Row 1: mass in a where b has none, in b's empty first
        // chunk.
        using var chunks = new Chunks(device,
            [none, none, 1, 2, 0, 1, 0, 0], [none, none, 2, 1, none, none, 1, 0], 2, 2);
        float[] losses = chunks.Kl();
        Assert.That(losses[0],
            Is.EqualTo(KlDivergenceReference.Forward<double>([1, 2], [2, 1], 1)[0]).Within(1e-6));
        Assert.That(losses[1], Is.EqualTo(float.PositiveInfinity));
        Assert.That(chunks.Gradient().AsSpan(0, 2).ToArray(), Is.All.Zero);
    }

    [Test, Combinatorial]
    public void Infinite_terms_whose_mass_vanishes_count_nothing(
        [ValueSource(typeof(TestDevice), nameof(TestDevice.All))] string device)
    {
        // e^(0 - 200) is 0 in float32: what the first chunk lacks in b no longer matters.
        using var chunks = new Chunks(device, [0, 200], [float.NegativeInfinity, 3], 1, 1);
        Assert.That(chunks.Kl(), Is.All.Zero);
    }

    [Test, Combinatorial]
    public void NaN_is_visible_in_loss_and_gradient(
        [ValueSource(typeof(TestDevice), nameof(TestDevice.All))] string device,
        [Values] bool inTarget, [Values(0, 300, 599)] int place)
    {
        float[] a = Normal(1, 2 * 600), b = Normal(2, 2 * 600);
        (inTarget ? a : b)[place] = float.NaN;
        using var chunks = new Chunks(device, a, b, 2, 256);
        float[] losses = chunks.Kl();
        Assert.That(losses[0], Is.NaN);
        Assert.That(losses[1] > 0, Is.True);
        Assert.That(chunks.Gradient()[7], Is.NaN);
    }

    [Test, Combinatorial]
    public void Rows_that_are_not_counted_cost_nothing_and_targets_outside_are_NaN(
        [ValueSource(typeof(TestDevice), nameof(TestDevice.All))] string device,
        [Values(3, 7, 20)] int chunk)
    {
        using var run = new Run(device, (4, 3, 20, chunk), transposed: false, [-1, 19, 20, -5]);
        run.CrossEntropy(Scale);
        float[] losses = run.Losses, dX = run.DX;
        Assert.That(losses[0], Is.Zero);
        Assert.That(dX.AsSpan(0, 3).ToArray(), Is.All.Zero);
        Assert.That(losses[1] > 0 && dX.AsSpan(3, 3).ToArray().All(float.IsFinite), Is.True);
        Assert.That(losses.AsSpan(2).ToArray(), Is.All.NaN);
        Assert.That(dX.AsSpan(6).ToArray(), Is.All.NaN);
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.All))]
    public void A_row_alone_gives_the_bits_it_gives_in_a_batch(string device)
    {
        using var run = new Run(device, (5, 16, 1100, 300), transposed: true);
        run.CrossEntropy(Scale);
        (float[] losses, float[] dX) = (run.Losses, run.DX);
        (float loss, float[] alone) = run.CrossEntropyOfRow(3, Scale);
        Assert.That(loss, Is.EqualTo(losses[3]));
        Assert.That(alone, Is.EqualTo(dX.AsSpan(3 * 16, 16).ToArray()));
    }

    [Test]
    public void What_does_not_fit_is_named_in_the_error()
    {
        using var run = new Run("cpu512", (3, 5, 7, 4), transposed: false);
        Tensor four = run.Cut("four", 3, 4);
        Assert.That(() => run.Loss.CrossEntropy(four, run.Map, run.TargetIndices, four, null, null, 1),
            Throws.ArgumentException.With.Message.Contains("four [3, 4] must have 5 columns"));
        Assert.That(() => run.Kl(new TargetLogits.Held(four), 1),
            Throws.ArgumentException.With.Message.Contains("must be [3, 7]"));
        Tensor many = run.Cut("many", 4, 5);
        Assert.That(() => run.Loss.CrossEntropy(many, run.Map, run.TargetIndices, four, null, null, 1),
            Throws.ArgumentException.With.Message.Contains("3 rows"));
    }

    sealed class Run : IDisposable
    {
        readonly TensorArena _arena;
        readonly Tensor _losses, _dX, _target, _targetX;
        readonly VocabularyMap _gradient, _targetMap;
        readonly bool _transposed;
        readonly int _K;

        public Run(string device, (int Rows, int K, int V, int Chunk) s,
            bool transposed, int[]? targets = null)
        {
            (X, W, B) = (Normal(1, s.Rows * s.K), Normal(2, s.K * s.V), Normal(3, s.V));
            Target = Normal(4, s.Rows * s.V, -30, 3);
            Targets = targets ?? [s.V - 1, .. Integers(5, s.Rows - 1, s.V)];
            (_transposed, _K) = (transposed, s.K);
            long floats = 6L * s.Rows * s.K + 4L * s.K * s.V + 4L * s.V + s.Rows * s.V + 3L * s.Rows
                + VocabularyLoss.ScratchFloats(s.Rows, s.Chunk) + 2048;
            _arena = new TensorArena(TestDevice.Open(device), floats);
            Loss = new VocabularyLoss(new Ops(_arena.Device), _arena, s.Rows, s.Chunk);
            XTensor = _arena.Upload("x", X, s.Rows, s.K);
            Map = Cut("w", W, s);
            _gradient = Cut("dW", Ones(W.Length), s) with { Bias = _arena.Upload("db", Ones(s.V), s.V) };
            _targetMap = Cut("target w", Normal(6, W.Length), s) with { Bias = null };
            _targetX = _arena.Upload("target x", Normal(7, X.Length), s.Rows, s.K);
            (_losses, _dX) = (_arena.Cut("losses", s.Rows), _arena.Cut("dX", s.Rows, s.K));
            _target = _arena.Upload("target", Target, s.Rows, s.V);
            TargetIndices = _arena.UploadIndices("targets", Targets);
        }

        public float[] X { get; }

        public float[] W { get; }

        public float[] B { get; }

        public float[] Target { get; }

        public int[] Targets { get; }

        public VocabularyLoss Loss { get; }

        public Tensor XTensor { get; }

        public VocabularyMap Map { get; }

        public IndexTensor TargetIndices { get; }

        public TargetLogits HeldTarget => new TargetLogits.Held(_target);

        public TargetLogits MappedTarget => new TargetLogits.Mapped(_targetX, _targetMap);

        public float[] Losses => _losses.ToArray();

        public float[] DX => _dX.ToArray();

        public Tensor Cut(string name, params ReadOnlySpan<int> shape) => _arena.Cut(name, shape);

        public void CrossEntropy(float scale)
            => Loss.CrossEntropy(XTensor, Map, TargetIndices, _losses, _dX, _gradient, scale);

        public (float Loss, float[] DX) CrossEntropyOfRow(int row, float scale)
        {
            Loss.CrossEntropy(XTensor.SliceRows(row, 1), Map, TargetIndices.Slice("target", row, 1),
                _losses.Slice("loss", row, 1), _dX.SliceRows(row, 1), null, scale);
            return (Losses[row], DX.AsSpan(row * _K, _K).ToArray());
        }

        public void Kl(TargetLogits target, float scale)
            => Loss.KlDivergence(target, XTensor, Map, _losses, _dX, _gradient, scale);

        public void HoldMappedTarget()
        {
            var ops = new Ops(_arena.Device);
            if (_transposed)
                ops.MatMulTransposed(_targetX, _targetMap.Weight, _target);
            else
                ops.MatMul(_targetX, _targetMap.Weight, null, _target);
        }

        public void AssertGradients(
            (double[] DX, double[] DWeight, double[] DBias) exact,
            (float[] DX, float[] DWeight, float[] DBias) plain)
        {
            Agreement.AtMostTwiceFloat32("dX", exact.DX, plain.DX, DX);
            Agreement.AtMostTwiceFloat32("dW", PlusOne(exact.DWeight), PlusOne(plain.DWeight),
                InColumns(_gradient.Weight.ToArray()));
            Agreement.AtMostTwiceFloat32("db", PlusOne(exact.DBias), PlusOne(plain.DBias),
                _gradient.Bias!.ToArray());
        }

        public void Dispose() => _arena.Dispose();

        VocabularyMap Cut(string name, float[] values, (int Rows, int K, int V, int Chunk) s)
            => new(_transposed
                    ? _arena.Upload(name, [.. Transposed(values, s.K, s.V)], s.V, s.K)
                    : _arena.Upload(name, values, s.K, s.V),
                _arena.Upload("b", B, s.V), _transposed);

        float[] InColumns(float[] weight)
            => _transposed ? [.. Transposed(weight, weight.Length / _K, _K)] : weight;

        static IEnumerable<float> Transposed(float[] values, int rows, int columns)
            => from c in Enumerable.Range(0, columns)
               from r in Enumerable.Range(0, rows)
               select values[r * columns + c];
    }

    /// <summary>KL of logits that are given, through the ops on one chunk.</summary>
    sealed class Chunks : IDisposable
    {
        readonly TensorArena _arena;
        readonly Ops _ops;
        readonly Tensor _a, _statistics, _losses;
        readonly Tensor[] _chunks;
        readonly float[] _b;
        readonly int _rows, _V, _chunk;

        public Chunks(string device, float[] a, float[] b, int rows, int chunk)
        {
            (_b, _rows, _V, _chunk) = (b, rows, a.Length / rows, chunk);
            _arena = new TensorArena(TestDevice.Open(device), 2L * a.Length + 6 * rows + 2048);
            _ops = new Ops(_arena.Device);
            _a = _arena.Upload("a", a, rows, _V);
            _statistics = _arena.Cut("statistics", rows, 5);
            _losses = _arena.Cut("losses", rows);
            _chunks = [.. Starts.Select(first => _arena.Cut("chunk", rows, Math.Min(chunk, _V - first)))];
        }

        IEnumerable<int> Starts => Enumerable.Range(0, (_V + _chunk - 1) / _chunk).Select(c => c * _chunk);

        public float[] Kl()
        {
            foreach ((int first, Tensor chunk) in Starts.Zip(_chunks))
            {
                chunk.Upload([.. from r in Enumerable.Range(0, _rows)
                                 from v in Enumerable.Range(first, chunk.Columns)
                                 select _b[r * _V + v]]);
                _ops.KlDivergenceChunk(_a, chunk, _statistics, _losses, first);
            }
            return _losses.ToArray();
        }

        /// <summary>Of row 0.</summary>
        public float[] Gradient()
        {
            foreach ((int first, Tensor chunk) in Starts.Zip(_chunks))
                _ops.KlDivergenceChunkGradient(_a, _statistics, chunk, first, Scale);
            return [.. _chunks.SelectMany(chunk => chunk.ToArray()[..chunk.Columns])];
        }

        public void Dispose() => _arena.Dispose();
    }
}
