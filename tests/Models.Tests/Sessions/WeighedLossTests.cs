using HeadTap.Kernels.Tests;
using HeadTap.Reference;
using HeadTap.Runtime;

namespace HeadTap.Models.Tests;

/// <summary>Gradients of weighed losses and of any loss of the logits.</summary>
public class WeighedLossTests
{
    const int T = 6;

    [Test, Combinatorial]
    public void Gradients_of_weighed_losses_are_as_exact_as_float32_allows(
        [ValueSource(typeof(TestDevice), nameof(TestDevice.All))] string device,
        [Values] bool logitsRecorded)
    {
        using var run = new Run(device, logitsRecorded);
        float[] weights = Numbers.Normal(5, run.Targets.Length);
        (weights[0], weights[3], weights[5]) = (0f, -1.5f, float.NaN); // position 5 has no target
        run.Start();
        float[] losses = run.Session.ForwardBackward(run.Batch, run.Targets, weights, run.Gradients);
        run.RequireAgreement(
            (b, logits) => Weighed(run, b, logits, weights), (b, logits) => Weighed(run, b, logits, weights));
        Assert.That(losses, Is.EqualTo(run.Session.TokenLosses(run.Batch, run.Targets)));
    }

    [Test, Combinatorial]
    public void Divergence_from_another_models_logits_is_as_exact_as_float32_allows(
        [ValueSource(typeof(TestDevice), nameof(TestDevice.All))] string device,
        [Values] bool logitsRecorded)
    {
        using var run = new Run(device, logitsRecorded);
        int rows = run.Batch.B * T, V = run.Test.Model.Config.VocabSize;
        float[] other = Numbers.Normal(6, rows * V);
        using var arena = new TensorArena(run.Test.Model.Device, (long)rows * (V + 1) + 64);
        Tensor target = arena.Upload("target", other, rows, V), losses = arena.Cut("losses", rows);
        run.Start();
        double value = run.Session.ForwardBackward(run.Batch, (logits, dLogits) =>
        {
            Assert.That(dLogits.ToArray(), Is.All.Zero);
            run.Test.Model.Ops.KlDivergence(target, logits, losses, dLogits, 0.5f); // of padding too
            return 3.25;
        }, run.Gradients);
        Assert.That(value, Is.EqualTo(3.25));
        run.RequireAgreement((b, logits) => Divergence(b, logits, Numbers.Wide(other)),
            (b, logits) => Divergence(b, logits, other));
    }

    [Test]
    public void Weights_of_one_give_the_bits_of_the_sum_and_zeros_add_nothing([Values] bool recorded)
    {
        using var run = new Run("cpu512", recorded);
        run.Session.ForwardBackward(run.Batch, run.Targets, run.Gradients, 1f);
        float[] sum = run.Gradients.Set.Blocks[0].ToArray();
        run.Gradients.Clear(run.Test.Model.Ops);
        run.Session.ForwardBackward(
            run.Batch, run.Targets, Numbers.Ones(run.Targets.Length), run.Gradients);
        Assert.That(run.Gradients.Set.Blocks[0].ToArray(), Is.EqualTo(sum));
        run.Start();
        run.Session.ForwardBackward(
            run.Batch, run.Targets, new float[run.Targets.Length], run.Gradients);
        Assert.That(run.Gradients.Set.Blocks[0].ToArray(), Is.All.EqualTo(1f));
    }

    [Test]
    public void Cross_entropy_as_a_loss_of_the_logits_gives_the_bits_of_the_sum()
    {
        using var run = new Run("cpu512", logitsRecorded: true);
        run.Session.ForwardBackward(run.Batch, run.Targets, run.Gradients, 0.25f);
        float[] sum = run.Gradients.Set.Blocks[0].ToArray();
        run.Gradients.Clear(run.Test.Model.Ops);
        using var arena = new TensorArena(run.Test.Model.Device, 256);
        IndexTensor targets = arena.UploadIndices("targets", run.Targets);
        Tensor losses = arena.Cut("losses", run.Targets.Length);
        run.Session.ForwardBackward(run.Batch, (logits, dLogits) =>
        {
            run.Test.Model.Ops.CrossEntropy(logits, targets, losses, dLogits, 0.25f);
            return 0;
        }, run.Gradients);
        Assert.That(run.Gradients.Set.Blocks[0].ToArray(), Is.EqualTo(sum));
    }

    [Test]
    public void Chunks_of_the_vocabulary_product_take_their_own_weights()
    {
        using var run = new Run("cpu512", false);
        LanguageModel model = run.Test.Model;
        int C = model.Config.Width, V = model.Config.VocabSize;
        float[] Gradient(int chunkRows)
        {
            using var arena = new TensorArena(model.Device, 4096);
            Tensor x = arena.Upload("x", Numbers.Normal(1, 5 * C), 5, C), dX = arena.Cut("dX", 5, C);
            new DecoderHead(model).Loss(x, arena.UploadIndices("targets", [3, 1, 4, 1, 5]),
                arena.Cut("losses", 5), arena.Cut("chunk", chunkRows, V), dX,
                new LossGradient(run.Gradients, 1f, arena.Upload("weights", [1f, -2f, 0f, 0.5f, 3f], 5)));
            return dX.ToArray();
        }
        Assert.That(Gradient(2), Is.EqualTo(Gradient(5)));
    }

    [Test]
    public void What_does_not_fit_is_said()
    {
        using var run = new Run("cpu512", false);
        Assert.That(() => run.Session.ForwardBackward(run.Batch, run.Targets, new float[7], run.Gradients),
            Throws.ArgumentException.With.Message.Contains("7 weights for 3 x 6 tokens"));
        float[] weights = Numbers.Ones(run.Targets.Length);
        weights[1] = float.NaN;
        Assert.That(() => run.Session.ForwardBackward(run.Batch, run.Targets, weights, run.Gradients),
            Throws.ArgumentException.With.Message.Contains("The weight of position 1 is NaN"));
        using var forward = new ModelSession(
            run.Test.Model, new SessionOptions { MaxRows = 3, MaxTokens = T });
        Assert.That(() => forward.ForwardBackward(run.Batch, (_, _) => 0, run.Gradients),
            Throws.InvalidOperationException);
    }

    static TReal[] Weighed<TReal>(Run run, int b, TReal[] logits, float[] weights)
        where TReal : System.Numerics.IFloatingPointIeee754<TReal>
    {
        int V = run.Test.Model.Config.VocabSize, length = logits.Length / V;
        TReal[] d = new TReal[logits.Length];
        for (int t = 0; t < length; t++)
            if (run.Targets[b * T + t] is >= 0 and int target)
            {
                TReal[] row = Gpt2Reference.CrossEntropy(logits[(t * V)..((t + 1) * V)], [target]).DLogits;
                for (int v = 0; v < V; v++)
                    d[t * V + v] = row[v] * TReal.CreateChecked(weights[b * T + t]);
            }
        return d;
    }

    static TReal[] Divergence<TReal>(int b, TReal[] logits, TReal[] other)
        where TReal : System.Numerics.IFloatingPointIeee754<TReal>
    {
        int V = TestModel.Small.VocabSize, length = logits.Length / V;
        TReal[] d = new TReal[logits.Length];
        for (int t = 0; t < length; t++)
        {
            TReal[] q = CrossEntropyReference.Softmax<TReal>(logits.AsSpan(t * V, V)),
                p = CrossEntropyReference.Softmax<TReal>(other.AsSpan((b * T + t) * V, V));
            for (int v = 0; v < V; v++)
                d[t * V + v] = (q[v] - p[v]) * TReal.CreateChecked(0.5);
        }
        return d;
    }

    sealed class Run : IDisposable
    {
        readonly int[][] _rows;
        readonly TensorArena _arena;

        public Run(string device, bool logitsRecorded)
        {
            Test = new TestModel(device, TestModel.Small with { Layers = 1 }); // losses lie above the blocks
            _rows = [Test.Tokens(1, T), Test.Tokens(2, 1), Test.Tokens(3, 4)];
            Batch = new SequenceBatch(_rows);
            Targets = Batch.NextTokens();
            Targets[6] = 9; // the row of one token
            _arena = new TensorArena(Test.Model.Device, Test.Model.Parameters.TotalLength + 64);
            Gradients = new ParameterGradients(_arena, Test.Model.Parameters);
            Session = new ModelSession(Test.Model, new SessionOptions
            {
                MaxRows = 3, MaxTokens = T, Backward = true,
                Record = logitsRecorded ? [new Site(SiteKind.Logits)] : [],
            });
        }

        public TestModel Test { get; }

        public SequenceBatch Batch { get; }

        public int[] Targets { get; }

        public ParameterGradients Gradients { get; }

        public ModelSession Session { get; }

        /// <summary>Ones, because gradients are added into.</summary>
        public void Start()
        {
            foreach (Tensor block in Gradients.Set.Blocks)
                Test.Model.Ops.Fill(block, 1f);
        }

        /// <summary>Against the textbook's gradient of logits with the given gradient, row by row.</summary>
        public void RequireAgreement(
            Func<int, double[], double[]> exactOf, Func<int, float[], float[]> plainOf)
        {
            var exact = Oracle(Test.Exact, exactOf);
            var plain = Oracle(Test.Plain, plainOf);
            Agreement.PassAtMostTwiceFloat32(Test.Model.Parameters.Slices.Select(slice => (slice.Name,
                exact[slice.Name], plain[slice.Name], Gradients.Set[slice.Name].ToArray())));
        }

        Dictionary<string, TReal[]> Oracle<TReal>(
            Dictionary<string, TReal[]> parameters, Func<int, TReal[], TReal[]> dLogits)
            where TReal : System.Numerics.IFloatingPointIeee754<TReal>
        {
            var sum = parameters.ToDictionary(p => p.Key, p => Array.ConvertAll(p.Value, _ => TReal.One));
            for (int b = 0; b < _rows.Length; b++)
            {
                TReal[] logits = Gpt2Reference.Forward(Test.Sizes, parameters, _rows[b])["logits"];
                foreach ((string name, TReal[] values) in Gpt2Reference.BackwardFrom(
                    Test.Sizes, parameters, _rows[b], dLogits(b, logits)).Parameters)
                    for (int i = 0; i < values.Length; i++)
                        sum[name][i] += values[i];
            }
            return sum;
        }

        public void Dispose()
        {
            Session.Dispose();
            _arena.Dispose();
            Test.Dispose();
        }
    }
}
