using HeadTap.Models;

namespace HeadTap.Jobs.Tests;

/// <summary>Pieces as tables show them.</summary>
public sealed class VisibleTextTests
{
    static readonly string[] Parts = ["a", "n", "x", "0", " ", "·", "\\", "\n", "\r", "\t", "\u001b",
        "\u0000", "\u009b", "\u202e", "\u00a0", "u001B", "é", "<id 7>", "·n", "\\n", "\\x5C"];

    [TestCase(" the", "·the"), TestCase("a·b", "a\\·b"), TestCase("\n", "\\n"), TestCase("\\n", "\\\\n"),
     TestCase("\t\r", "\\t\\r"), TestCase("\u001b[2J", "\\u001B[2J"), TestCase("<id 50270>", "<id 50270>"),
     TestCase("<id 5 >", "<id·5·>"), TestCase("C:\\", "C:\\\\"), TestCase("\\xE2", "\\xE2")]
    public void A_piece_is_one_visible_word(string piece, string shown)
        => Assert.That(VisibleText.Of(piece), Is.EqualTo(shown));

    [Test]
    public void No_two_pieces_look_the_same()
    {
        var shown = new Dictionary<string, string>();
        foreach (string piece in Parts.SelectMany(a =>
            Parts.SelectMany(b => Parts.Append("").Select(c => a + b + c))).Distinct())
        {
            string word = VisibleText.Of(piece);
            Assert.That(word, Does.Not.Contain(' ').And.Not.Contain('\n').Or.EqualTo(piece));
            Assert.That(shown.TryAdd(word, piece), Is.True,
                $"{word} is {string.Join(' ', piece.Select(c => (int)c))} and something else");
        }
    }

    [Test]
    public void No_two_tokens_look_the_same()
    {
        // Every byte alone, and what escapes of bytes spell.
        var tokenizer = new ByteBpeTokenizer(BpeTrainer.Train(
            ["\\x1B \\n · \u009b \\u009B \\x9B \\x5Cx9B"], 330, [BpeVocabulary.EndOfText],
            minimumCount: 1));
        string[] shown = [.. Enumerable.Range(0, tokenizer.VocabSize)
            .Select(id => VisibleText.Of(tokenizer.TokenText(id)))];
        Assert.That(shown, Is.Unique);
    }
}
