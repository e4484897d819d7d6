namespace HeadTap.Circuits.Tests;

public sealed class EffectAgreementTests
{
    [Test]
    public void Correlations_and_overlap_are_those_of_the_definitions()
    {
        EffectAgreement found = EffectAgreement.Of([1, 2, 3, -5], [2, 2, 4, -1], 2);
        // x - mean: .75 1.75 2.75 -5.25; y - mean: .25 .25 2.25 -2.75
        Assert.That(found.Pearson, Is.EqualTo(21.25 / Math.Sqrt(38.75 * 12.75)).Within(1e-15));
        // ranks 1 2 3 0 and 1.5 1.5 3 0
        Assert.That(found.Spearman, Is.EqualTo(4.5 / Math.Sqrt(5 * 4.5)).Within(1e-15));
        Assert.That(found.Overlap, Is.EqualTo(0.5), "-5 and 3 against 4 and the first 2");
        Assert.That(EffectAgreement.Of([1, 2], [3, 3], 1).Pearson, Is.NaN);
        Assert.That(() => EffectAgreement.Of([1, 2], [3, 3], 3), Throws.ArgumentException);
    }
}
