using HeadTap.Lens;

namespace HeadTap.Jobs.Tests;

public sealed class LensTextTests
{
    // The words of --kind and of JSON.
    [TestCase(LensKind.Head, "head"), TestCase(LensKind.Thin, "thin"), TestCase(LensKind.LowRank, "low-rank"),
        TestCase(LensKind.Shared, "shared"), TestCase(LensKind.Residual, "residual"),
        TestCase(LensKind.Tuned, "tuned"), TestCase(LensKind.Logit, "logit")]
    public void A_kind_has_the_word_of_its_option(LensKind kind, string word)
        => Assert.That(LensText.Word(kind), Is.EqualTo(word));
}
