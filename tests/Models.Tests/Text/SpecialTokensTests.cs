namespace HeadTap.Models.Tests;

public sealed class SpecialTokensTests
{
    [Test]
    public void Of_two_that_begin_alike_the_longer_is_found()
    {
        var tokens = new SpecialTokens([("<|x|>", 1), ("<|x|>yz", 2), ("<|x|>y", 3)]);
        Assert.That(tokens.Next("a<|x|>yz", 0), Is.EqualTo((1, 7, 2)));
        Assert.That(tokens.Next("<|x|>ya", 0), Is.EqualTo((0, 6, 3)));
        Assert.That(tokens.Next("<|x|>a", 0), Is.EqualTo((0, 5, 1)));
    }

    [Test]
    public void The_first_one_from_the_start_on_is_found_wherever_it_stands_in_the_list()
    {
        var tokens = new SpecialTokens([("<|long token|>", 1), ("<s>", 2)]);
        Assert.That(tokens.Next("<s> <|long token|> <s>", 0), Is.EqualTo((0, 3, 2)));
        Assert.That(tokens.Next("<s> <|long token|> <s>", 1), Is.EqualTo((4, 14, 1)));
        Assert.That(tokens.Next("<s> <|long token|> <s>", 5), Is.EqualTo((19, 3, 2)));
        Assert.That(tokens.Next("<s> <|long token|> <s>", 20), Is.EqualTo((-1, 0, -1)));
    }
}
