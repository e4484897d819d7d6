using HeadTap.Models.Tests;

namespace HeadTap.Circuits.Tests;

public sealed class CompositionScoresTests
{
    const int C = 35, H = 5, D = 7;

    static double[,] Product(double[,] a, double[,] b)
    {
        double[,] product = new double[a.GetLength(0), b.GetLength(1)];
        for (int i = 0; i < a.GetLength(0); i++)
            for (int j = 0; j < b.GetLength(1); j++)
                for (int k = 0; k < a.GetLength(1); k++)
                    product[i, j] += a[i, k] * b[k, j];
        return product;
    }

    static double[,] Transposed(double[,] a)
    {
        double[,] t = new double[a.GetLength(1), a.GetLength(0)];
        for (int i = 0; i < a.GetLength(0); i++)
            for (int j = 0; j < a.GetLength(1); j++)
                t[j, i] = a[i, j];
        return t;
    }

    static double Norm(double[,] a) => Math.Sqrt(a.Cast<double>().Sum(v => v * v));

    /// <summary>W_Q, W_K, W_V [C, D] and W_O [D, C] of a head; the first three behind LayerNorm.</summary>
    static double[][,] Head(TestModel test, int l, int h, bool fold)
    {
        double[] qkv = test.Exact[$"h.{l}.attn.c_attn.weight"], gain = test.Exact[$"h.{l}.ln_1.weight"];
        double[,] norm = new double[C, C]; // x (I - 1 1ᵀ / C) diag(gain)
        for (int i = 0; i < C; i++)
            for (int j = 0; j < C; j++)
                norm[i, j] = !fold ? (i == j ? 1 : 0) : ((i == j ? 1 : 0) - 1.0 / C) * gain[j];
        var found = new double[4][,];
        for (int part = 0; part < 3; part++)
        {
            double[,] w = new double[C, D];
            for (int c = 0; c < C; c++)
                for (int d = 0; d < D; d++)
                    w[c, d] = qkv[c * 3 * C + part * C + h * D + d];
            found[part] = Product(norm, w);
        }
        found[3] = new double[D, C];
        for (int d = 0; d < D; d++)
            for (int c = 0; c < C; c++)
                found[3][d, c] = test.Exact[$"h.{l}.attn.c_proj.weight"][(h * D + d) * C + c];
        return found;
    }

    [TestCase(true), TestCase(false)]
    public void Scores_are_those_of_whole_matrices(bool fold)
    {
        using TestModel test = HeadTexts.Model();
        CompositionScores scores = CompositionScores.Of(test.Model, fold);
        for (int from = 0; from < 3 * H; from++)
            for (int to = 0; to < 3 * H; to++)
            {
                double[][,] one = Head(test, from / H, from % H, fold);
                double[][,] two = Head(test, to / H, to % H, fold);
                double[,] ov = Product(one[2], one[3]), qk = Product(two[0], Transposed(two[1]));
                double[][,] read = [qk, Transposed(qk), Product(two[2], two[3])];
                for (int kind = 0; kind < 3; kind++)
                {
                    double found = scores[(CompositionKind)kind, from / H, from % H, to / H, to % H];
                    double expected = from / H < to / H
                        ? Norm(Product(ov, read[kind])) / (Norm(ov) * Norm(read[kind])) : 0;
                    // The core is a float32 product of rounded weights: C + 2 roundings, each of at most
                    // 2^-24 of a term, and no term of a core is above the product of the factors' norms.
                    double[][] other = [[Norm(two[1])], [Norm(two[0])], [Norm(two[3])]];
                    double scale = Norm(one[2]) * Norm(one[3]) * Norm(two[kind]) * other[kind][0];
                    double bound = (C + 2) * Math.Pow(2, -24) * scale / (Norm(ov) * Norm(read[kind]));
                    Assert.That(found, Is.EqualTo(expected).Within(from / H < to / H ? bound : 0),
                        $"{(CompositionKind)kind} {from} to {to}");
                }
            }
    }

    [Test]
    public void The_largest_come_first_and_every_pair_once()
    {
        using TestModel test = HeadTexts.Model();
        CompositionScores scores = CompositionScores.Of(test.Model);
        foreach (CompositionKind kind in Enum.GetValues<CompositionKind>())
        {
            IReadOnlyList<Composition> top = scores.Top(kind, 1000);
            Assert.That(top, Has.Count.EqualTo(3 * H * H));
            Assert.That(top.Select(c => c.Score), Is.Ordered.Descending);
            Assert.That(top.Distinct().Count(), Is.EqualTo(top.Count));
            Assert.That(top.All(c => c.FromLayer < c.ToLayer && c.Score is > 0 and <= 1));
            Assert.That(scores.Top(kind, 3), Is.EqualTo(top.Take(3)));
        }
        Assert.That(scores.Values.Length, Is.EqualTo(3 * 15 * 15));
    }

    [Test]
    public void The_same_bits_for_any_number_of_threads()
    {
        using TestModel test = HeadTexts.Model();
        int threads = Runtime.ComputeDevice.HostThreadCount;
        try
        {
            Runtime.ComputeDevice.HostThreadCount = 1;
            float[] one = CompositionScores.Of(test.Model).Values.ToArray();
            Runtime.ComputeDevice.HostThreadCount = 3;
            Assert.That(CompositionScores.Of(test.Model).Values.ToArray(), Is.EqualTo(one));
        }
        finally
        {
            Runtime.ComputeDevice.HostThreadCount = threads;
        }
    }

    [Test]
    public void A_model_of_one_layer_has_no_pair()
    {
        using var test = new TestModel("cpu512", HeadTexts.Config with { Layers = 1 });
        Assert.That(CompositionScores.Of(test.Model).Top(CompositionKind.Q, 5), Is.Empty);
    }
}
