using HeadTap.Models;
using HeadTap.Models.Tests;

namespace HeadTap.Lens.Tests;

/// <summary>Learned lenses that begin from a Jacobian lens.</summary>
public sealed class JacobianInitialTests
{
    static readonly LensKind[] OfHeads =
        [LensKind.Head, LensKind.Thin, LensKind.LowRank, LensKind.Shared, LensKind.Residual];

    [TestCaseSource(nameof(OfHeads))]
    public void The_identity_gives_the_values_of_the_unembedding(LensKind kind)
    {
        using var test = new TestModel("cpu512");
        using var folder = new TemporaryFolder();
        string lens = JacobianFiles.Write(
            test, folder["lens"], JacobianSite.ResidMid, [0, 1], identity: true);
        Assert.That(Values(test, kind, lens, 1), Is.EqualTo(Values(test, kind, null, 1)));
    }

    [Test]
    public void A_head_lens_begins_with_the_folded_unembedding_behind_the_Jacobian()
    {
        using var test = new TestModel("cpu512");
        using var folder = new TemporaryFolder();
        string lens = JacobianFiles.Write(test, folder["lens"], JacobianSite.ResidMid, [0, 1]);
        (float[] folded, _) = WeightProcessing.Unembedding(test.Model);
        float[] J = JacobianFiles.Matrix(test, 1), weight = Values(test, LensKind.Head, lens, 1)[0];
        for (int v = 0; v < 37; v++)
            for (int h = 0; h < 4; h++)
                for (int j = 0; j < 20; j++)
                {
                    double[] terms = [.. Enumerable.Range(0, 20)
                        .Select(i => (double)folded[v * 20 + i] * J[i * 20 + j])];
                    (double exact, double size) = (terms.Sum(), terms.Sum(Math.Abs));
                    Assert.That(weight[(v * 4 + h) * 20 + j], Is.EqualTo(exact).Within(20 * 1.2e-7 * size));
                }
        foreach (LensKind kind in OfHeads)
            Assert.That(Values(test, kind, lens, 1)[0],
                Is.Not.EqualTo(Values(test, kind, null, 1)[0]), $"{kind}");
    }

    [Test]
    public void A_tuned_lens_begins_with_the_stream_before_its_layer()
    {
        using var test = new TestModel("cpu512");
        using var folder = new TemporaryFolder();
        string lens = JacobianFiles.Write(test, folder["lens"], JacobianSite.ResidPost, [0]);
        float[] J = JacobianFiles.Matrix(test, 0), weight = Values(test, LensKind.Tuned, lens, 1)[0];
        Assert.That(weight, Is.EqualTo(J.Select((v, i) => i % 21 == 0 ? v - 1f : v)));
        Assert.That(Values(test, LensKind.Tuned, lens, 0)[0], Is.All.Zero, "no block is before block 0");
        BadInput.Refused(() => Values(test, LensKind.Head, lens, 0), "does not read resid_mid");
    }

    [Test]
    public void A_lens_of_effects_begins_with_the_projection_behind_the_Jacobian()
    {
        using var test = new TestModel("cpu512");
        using var folder = new TemporaryFolder();
        string lens = JacobianFiles.Write(test, folder["lens"], JacobianSite.ResidMid, [0, 1]);
        float[] J = JacobianFiles.Matrix(test, 1), weight = Values(test, LensKind.Effect, lens, 1)[0],
            projection = test.Model.Weights.Layers[1].ProjWeight.ToArray();
        Assert.That(Values(test, LensKind.Effect, null, 1)[0], Is.EqualTo(projection));
        for (int j = 0; j < 20; j++)
            for (int c = 0; c < 20; c++)
            {
                double[] terms = [.. Enumerable.Range(0, 20)
                    .Select(i => (double)projection[j * 20 + i] * J[c * 20 + i])];
                Assert.That(weight[j * 20 + c],
                    Is.EqualTo(terms.Sum()).Within(20 * 1.2e-7 * terms.Sum(Math.Abs)));
            }
    }

    static float[][] Values(TestModel test, LensKind kind, string? lens, int layer)
    {
        using LensSet set = LensSet.Initial(test.Model, new()
        {
            Kind = kind, Rank = 3, InitialLens = lens,
            Initial = lens is null ? LensInitial.Folded : LensInitial.Jacobian,
        }, [layer], 3);
        return [.. set[layer].Parameters.Select(p => p.Value.ToArray())];
    }
}
