using HeadTap.Runtime;

namespace HeadTap.Models.Tests;

/// <summary>What every refusal of bad input must be: a <see cref="UserException"/> of one readable
/// line.</summary>
static class BadInput
{
    public static void Refused(Action action, params string[] words)
    {
        UserException e = Assert.Throws<UserException>(() => action())!;
        Assert.That(e.Message, Does.Not.Contain('\n').And.Not.Contain('\r'));
        Assert.That(e.Message, Has.Length.InRange(10, 1000));
        foreach (string word in words)
            Assert.That(e.Message, Does.Contain(word));
    }
}
