using System.Text;

namespace HeadTap.Serve.Tests;

/// <summary>Texts given out piece by piece: no half characters, no beginnings of stops.</summary>
public sealed class ChoiceTextTests
{
    [Test]
    public void Pieces_are_whole_characters_and_together_the_text([Range(1, 7)] int step)
    {
        const string Text = "aé€😀b\u00a0 end";
        byte[] bytes = Encoding.UTF8.GetBytes(Text);
        var choice = new ChoiceText([], false);
        var all = new StringBuilder();
        foreach (byte[] piece in bytes.Chunk(step))
        {
            string given = choice.Add(piece);
            Assert.That(given, Does.Not.Contain('\ufffd'));
            all.Append(given);
        }
        Assert.That(all.Append(choice.End()).ToString(), Is.EqualTo(Text));
    }

    [TestCase("one STOP two", "STOP", "one ", true)]
    [TestCase("one STO two", "STOP", "one STO two", false)]
    [TestCase("aaab", "aab", "a", true)]
    [TestCase("SSTSTOP", "STOP", "SST", true)]
    [TestCase("ends in ST", "STOP", "ends in ST", false)]
    [TestCase("x€y", "€", "x", true)]
    public void A_stop_ends_the_text_wherever_tokens_are_cut(string text, string stop, string expected,
        bool stops)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        for (int step = 1; step <= bytes.Length; step++)
            foreach (bool keeps in (bool[])[false, true])
            {
                var choice = new ChoiceText([stop, "never there"], keeps);
                var all = new StringBuilder();
                foreach (byte[] piece in bytes.Chunk(step))
                    if (!choice.Stopped)
                        all.Append(choice.Add(piece));
                all.Append(choice.End());
                Assert.That(all.ToString(), Is.EqualTo(expected + (keeps && stops ? stop : "")), $"{step}");
                Assert.That(choice.Stopped, Is.EqualTo(stops));
            }
    }

    [Test]
    public void The_stop_that_ends_first_counts()
    {
        var choice = new ChoiceText(["long stop", "st"], false);
        Assert.That(choice.Add("a long stop"u8), Is.EqualTo("a long "));
    }

    [Test]
    public void Bytes_that_are_no_characters_come_out_as_replacements()
    {
        var choice = new ChoiceText([], false);
        Assert.That(choice.Add([0x61, 0xff, 0x62]) + choice.Add([0xe2, 0x82]) + choice.End(),
            Is.EqualTo("a\ufffdb\ufffd"));
    }
}
