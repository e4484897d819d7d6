using HeadTap.Reference;
using HeadTap.Runtime;

namespace HeadTap.Merge.Tests;

/// <summary>DELLA's masks.</summary>
public class RankedMaskTests
{
    static float[] Masked(float[] vector, int[] shape, double density, double epsilon, ulong seed = 3,
        bool rescale = false, int piece = 1000)
    {
        var tensor = new HeldTensor("w", shape, [vector], new float[vector.Length]);
        TensorSettings settings = new TensorSettings { Seed = seed }.With(LargestMagnitudes.Density, density)
            .With(RankedMask.Epsilon, epsilon).With(RandomMask.Rescale, rescale ? 1 : 0);
        return new DellaLinear().Merged(tensor, settings, piece);
    }

    // Every number is kept or not with its own probability: over many seeds the shares are those.
    [TestCase(0.5, 0.3), TestCase(0.4, 0.1)]
    public void Numbers_are_kept_by_their_rank_in_the_row(double density, double epsilon)
    {
        const int seeds = 4000, columns = 7;
        float[] vector = [3, -1, 2, -2, 0.5f, 7, -4, /* second row */ 1, 9, 8, -7, 6, -5, 4];
        double[] expected = [.. vector.Chunk(columns).SelectMany(row =>
            MergeReference.DellaProbabilities(Tensors.Wide(row), density, epsilon))];
        int[] kept = new int[vector.Length];
        for (ulong seed = 0; seed < seeds; seed++)
        {
            float[] found = Masked(vector, [2, columns], density, epsilon, seed);
            for (int i = 0; i < found.Length; i++)
                kept[i] += found[i] != 0 ? 1 : 0;
        }
        for (int i = 0; i < kept.Length; i++) // five standard deviations of a binomial
            Assert.That(kept[i] / (double)seeds, Is.EqualTo(expected[i])
                .Within(5 * Math.Sqrt(expected[i] * (1 - expected[i]) / seeds)), $"at {i}");
    }

    [Test]
    public void What_is_kept_is_divided_by_its_probability()
    {
        float[] row = Tensors.Normal(4, 301);
        double[] probabilities = MergeReference.DellaProbabilities(Tensors.Wide(row), 0.5, 0.3);
        float[] found = Masked(row, [301], 0.5, 0.3, rescale: true);
        Assert.That(found.Count(v => v != 0), Is.InRange(100, 200));
        for (int i = 0; i < row.Length; i++)
            if (found[i] != 0)
                Assert.That(found[i], Is.EqualTo((float)(row[i] / probabilities[i])), $"at {i}");
    }

    [Test]
    public void Pieces_that_cut_rows_do_not_matter_and_density_0_keeps_nothing()
    {
        float[] vector = Tensors.Normal(4, 5 * 61);
        float[] whole = Masked(vector, [5, 61], 0.5, 0.3);
        Assert.That(Masked(vector, [5, 61], 0.5, 0.3, piece: 17), Is.EqualTo(whole));
        Assert.That(Masked(vector, [5, 61], 0.5, 0.3, seed: 4), Is.Not.EqualTo(whole));
        Assert.That(Masked(vector, [5, 61], 1, 0.3), Is.EqualTo(vector));
        Assert.That(Masked(vector, [5, 61], 0, 0.3), Is.EqualTo(new float[5 * 61]));
    }

    [TestCase(0.1, 0.15), TestCase(0.9, 0.1)]
    public void Probabilities_outside_of_0_to_1_are_refused(double density, double epsilon)
        => Assert.That(() => Masked([1, 2], [2], density, epsilon), Throws.TypeOf<UserException>()
            .With.Message.Contains("expected density - epsilon above 0 and density + epsilon below 1"));
}
