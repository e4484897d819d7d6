using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.Kernels.Tests.Numbers;

namespace HeadTap.Kernels.Tests;

/// <summary>Several maps' distributions held against one target's.</summary>
public class VocabularyKlTests
{
    const int Rows = 3, V = 131, Chunk = 50;
    const float Scale = 0.25f;

    // Widths of the maps' inputs; no two alike.
    static readonly int[] Widths = [5, 7, 4];

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.QuickWidths))]
    public void Held_rows_and_passing_chunks_give_the_same_bits(string device)
    {
        using var run = new Run(device);
        foreach (TargetLogits target in (TargetLogits[])[run.Held, run.Mapped])
        {
            (float[] Losses, float[] Gradient)[] held = run.Go(target, [0, 1, 2], vocabulary: V),
                chunks = run.Go(target, [0, 1, 2], vocabulary: 0);
            for (int i = 0; i < 3; i++)
            {
                Assert.That(chunks[i].Losses, Is.EqualTo(held[i].Losses));
                Assert.That(chunks[i].Gradient, Is.EqualTo(held[i].Gradient));
                Assert.That(held[i].Losses.All(loss => loss > 0), Is.True);
            }
        }
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.QuickWidths))]
    public void Each_of_several_maps_gives_what_it_gives_alone(string device)
    {
        using var run = new Run(device);
        foreach (int vocabulary in (int[])[V, 0])
        {
            (float[] Losses, float[] Gradient)[] all = run.Go(run.Mapped, [0, 1, 2], vocabulary);
            for (int i = 0; i < 3; i++)
            {
                (float[] losses, float[] gradient) = run.Go(run.Mapped, [i], vocabulary)[0];
                Assert.That(losses, Is.EqualTo(all[i].Losses), $"map {i}");
                Assert.That(gradient, Is.EqualTo(all[i].Gradient), $"map {i}");
            }
            Assert.That(all[0].Losses, Is.Not.EqualTo(all[1].Losses));
        }
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.QuickWidths))]
    public void Losses_and_gradients_are_as_exact_as_float32_allows(string device)
    {
        using var run = new Run(device);
        (float[] Losses, float[] Gradient)[] all = run.Go(run.Held, [0, 1, 2], V);
        for (int i = 0; i < 3; i++)
        {
            float[] logits = run.PlainLogits<float>(i);
            double[] exact = run.PlainLogits<double>(i), target = Wide(run.Target);
            Agreement.AtMostTwiceFloat32("losses", KlDivergenceReference.Forward(target, exact, Rows),
                KlDivergenceReference.Forward(run.Target, logits, Rows), all[i].Losses);
            Agreement.AtMostTwiceFloat32("dLogits",
                KlDivergenceReference.Backward(target, exact, Rows, Scale),
                KlDivergenceReference.Backward(run.Target, logits, Rows, Scale), all[i].Gradient);
        }
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.QuickWidths))]
    public void Losses_alone_are_those_that_come_with_gradients(string device)
    {
        using var run = new Run(device);
        foreach (int vocabulary in (int[])[V, 0])
        {
            float[][] with = [.. run.Go(run.Held, [0, 1, 2], vocabulary).Select(r => r.Losses)];
            (float[] Losses, float[] Gradient)[] some =
                run.Go(run.Held, [0, 1, 2], vocabulary, wanted: i => i == 1);
            Assert.That(some.Select(r => r.Losses), Is.EqualTo(with));
            Assert.That(some[0].Gradient.Concat(some[2].Gradient), Is.All.NaN, "nothing was handed out");
            Assert.That(some[1].Gradient, Has.None.NaN);
            Assert.That(run.Go(run.Held, [0, 1, 2], vocabulary, wanted: _ => false).Select(r => r.Losses),
                Is.EqualTo(with));
        }
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.QuickWidths))]
    public void The_target_itself_is_at_no_distance(string device)
    {
        using var run = new Run(device);
        foreach (int vocabulary in (int[])[V, 0])
        {
            var target = new TargetLogits.Mapped(run.X(1), run.Map(1));
            (float[] losses, float[] gradient) = run.Go(target, [1], vocabulary)[0];
            Assert.That(losses, Is.All.Zero);
            Assert.That(gradient, Is.All.Zero);
        }
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.QuickWidths))]
    public void A_map_without_bias_can_add_to_the_logits_of_another(string device)
    {
        using var run = new Run(device);
        var below = new TargetLogits.Mapped(run.X(1), run.Map(1));
        float[] logits = Sum<float>();
        double[] exact = Sum<double>(), target = Wide(run.Target);
        (float[] Losses, float[] Gradient)[] held = run.Go(run.Held, [2], V, below: below),
            chunks = run.Go(run.Held, [2], 0, below: below);
        Assert.That(chunks[0].Losses, Is.EqualTo(held[0].Losses));
        Assert.That(chunks[0].Gradient, Is.EqualTo(held[0].Gradient));
        Agreement.AtMostTwiceFloat32("losses", KlDivergenceReference.Forward(target, exact, Rows),
            KlDivergenceReference.Forward(run.Target, logits, Rows), held[0].Losses);
        Agreement.AtMostTwiceFloat32("dLogits", KlDivergenceReference.Backward(target, exact, Rows, Scale),
            KlDivergenceReference.Backward(run.Target, logits, Rows, Scale), held[0].Gradient);
        Assert.That(() => run.Go(run.Held, [0], V, below: below),
            Throws.ArgumentException.With.Message.Contains("no bias"));

        T[] Sum<T>() where T : System.Numerics.IFloatingPointIeee754<T>
            => [.. run.PlainLogits<T>(1).Zip(run.PlainLogits<T>(2), (a, b) => a + b)];
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.QuickWidths))]
    public void Part_of_a_map_is_a_map(string device)
    {
        using var run = new Run(device);
        VocabularyMap part = run.Map(1) with { Part = 2..6 };
        Assert.That(part.Width, Is.EqualTo(4));
        Tensor logits = run.Arena.Cut("logits", Rows, 60);
        part.Logits(run.Ops, run.X(2), 70, logits);
        float[] x = run.X(2).ToArray(), w = run.Map(1).Weight.ToArray(), b = run.Map(1).Bias!.ToArray();
        for (int r = 0; r < Rows; r++)
            for (int v = 0; v < 60; v++)
            {
                double sum = b[70 + v];
                for (int k = 0; k < 4; k++)
                    sum += (double)x[r * 4 + k] * w[(70 + v) * 7 + 2 + k];
                Assert.That(logits.ToArray()[r * 60 + v], Is.EqualTo(sum).Within(1e-5));
            }
    }

    [Test]
    public void What_does_not_fit_is_named_in_the_error()
    {
        using var run = new Run("cpu512");
        Tensor losses = run.Arena.Cut("losses", Rows), small = run.Arena.Cut("small", Rows, 4);
        var kl = new VocabularyKl(run.Ops, run.Arena, 2, Chunk);
        Assert.That(() => kl.Run(run.Held, [new(run.X(0), run.Map(0), losses, null)], 1),
            Throws.ArgumentException.With.Message.Contains("2 rows"));
        kl = new VocabularyKl(run.Ops, run.Arena, Rows, Chunk);
        KlTerm first = new(run.X(0), run.Map(0), losses, null);
        Assert.That(() => kl.Run(run.Held, [first, first], 1),
            Throws.ArgumentException.With.Message.Contains("2 maps; scratch memory was cut for 1"));
        Assert.That(() => kl.Run(run.Held, [new(small, run.Map(0), losses, null)], 1),
            Throws.ArgumentException.With.Message.Contains("small [3, 4]"));
        Assert.That(() => kl.Run(new TargetLogits.Held(small), [first], 1),
            Throws.ArgumentException.With.Message.Contains("must be [3, 131]"));
        Assert.That(() => run.Map(0).Logits(run.Ops, run.X(0), 130, run.Arena.Cut("two", Rows, 2)),
            Throws.ArgumentException.With.Message.Contains("two [3, 2], tokens from 130 on"));
    }

    sealed class Run : IDisposable
    {
        readonly Tensor _target;

        public Run(string device)
        {
            Arena = new TensorArena(TestDevice.Open(device), 1 << 17);
            Ops = new Ops(Arena.Device);
            Target = Normal(4, Rows * V, -30, 3);
            _target = Arena.Upload("target", Target, Rows, V);
        }

        public TensorArena Arena { get; }

        public Ops Ops { get; }

        public float[] Target { get; }

        public TargetLogits Held => new TargetLogits.Held(_target);

        public TargetLogits Mapped
            => new TargetLogits.Mapped(Arena.Upload("target x", Normal(70, Rows * 6), Rows, 6),
                new(Arena.Upload("target W", Normal(71, V * 6), V, 6), null, Transposed: true));

        public Tensor X(int i) => Arena.Upload($"x {i}", Normal(10 + i, Rows * Widths[i]), Rows, Widths[i]);

        // The second has a row for each token, the others a column.
        public VocabularyMap Map(int i) => new(
            Arena.Upload($"W {i}", Normal(20 + i, Widths[i] * V),
                i == 1 ? [V, Widths[i]] : [Widths[i], V]),
            i == 2 ? null : Arena.Upload($"b {i}", Normal(30 + i, V), V), Transposed: i == 1);

        public T[] PlainLogits<T>(int i) where T : System.Numerics.IFloatingPointIeee754<T>
        {
            T[] x = Array.ConvertAll(Normal(10 + i, Rows * Widths[i]), T.CreateChecked),
                W = Array.ConvertAll(Normal(20 + i, Widths[i] * V), T.CreateChecked),
                b = i == 2 ? new T[V] : Array.ConvertAll(Normal(30 + i, V), T.CreateChecked);
            T[] logits = i == 1 ? MatMulReference.Transposed(x, W, Rows, Widths[i], V)
                : MatMulReference.MatMul(x, W, null, Rows, Widths[i], V);
            return [.. logits.Select((y, at) => y + b[at % V])];
        }

        /// <summary>Losses, and the gradient of the logits put together from its chunks; NaN where none
        /// came.</summary>
        public (float[] Losses, float[] Gradient)[] Go(
            TargetLogits target, int[] maps, int vocabulary, Func<int, bool>? wanted = null,
            TargetLogits.Mapped? below = null)
        {
            var kl = new VocabularyKl(Ops, Arena, Rows, Chunk, maps.Length, vocabulary);
            float[][] gradients = [.. maps.Select(_ => Enumerable.Repeat(float.NaN, Rows * V).ToArray())];
            KlTerm[] terms = [.. maps.Select((map, i) => new KlTerm(X(map), Map(map),
                Arena.Cut("losses", Rows), wanted?.Invoke(map) == false ? null : (first, dLogits) =>
                {
                    float[] piece = dLogits.ToArray();
                    int n = dLogits.Columns;
                    for (int r = 0; r < Rows; r++)
                        piece.AsSpan(r * n, n).CopyTo(gradients[i].AsSpan(r * V + first));
                    Ops.Fill(dLogits, float.NaN); // it may be overwritten
                }) { Base = below })];
            kl.Run(target, terms, Scale);
            return [.. terms.Zip(gradients, (t, g) => (t.Losses.ToArray(), g))];
        }

        public void Dispose() => Arena.Dispose();
    }
}
