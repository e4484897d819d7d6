namespace HeadTap.Runtime.Tests;

/// <summary>One thing has no plural.</summary>
sealed class CountedTests
{
    [TestCase(0, "0 tokens are"), TestCase(1, "1 token is"), TestCase(2, "2 tokens are")]
    [TestCase(5_000_000_000, "5000000000 tokens are")]
    public void One_is_singular(long count, string text) => Assert.That(
        $"{Counted.Of(count, "token")} {Counted.Verb(count, "is", "are")}", Is.EqualTo(text));
}
