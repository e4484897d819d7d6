using HeadTap.Runtime;

namespace HeadTap.Models.Tests;

/// <summary>Which positions of a batch are trained on.</summary>
sealed class PositionChoiceTests
{
    // [5, 7], of which 5, 1, 0, 7 and 3 count.
    static readonly SequenceBatch Unequal = new(new int[35], [5, 1, 0, 7, 3], 7);

    [Test]
    public void The_last_and_all_leave_padding_out()
    {
        Assert.That(PositionChoice.Last.Of(Unequal, 1, 2), Is.EqualTo(new[] { 4, 7, 27, 30 }));
        Assert.That(PositionChoice.All.Of(Unequal, 1, 2),
            Is.EqualTo(new[] { 0, 1, 2, 3, 4, 7, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30 }));
    }

    [TestCase(1)]
    [TestCase(2)]
    [TestCase(5)]
    [TestCase(6)]
    [TestCase(7)]
    [TestCase(1000)]
    public void A_sample_is_sorted_without_repeats_or_padding(int n)
    {
        var choice = PositionChoice.Sample(n);
        for (int step = 0; step < 200; step++)
        {
            int[] chosen = choice.Of(Unequal, seed: 3, step);
            Assert.That(chosen, Is.Ordered.And.Unique);
            for (int b = 0; b < Unequal.B; b++)
            {
                int[] row = [.. chosen.Where(i => i / 7 == b).Select(i => i % 7)];
                Assert.That(row, Has.Length.EqualTo(Math.Min(n, Unequal.Lengths[b])));
                Assert.That(row, Is.All.LessThan(Unequal.Lengths[b]));
            }
        }
    }

    [Test]
    public void Every_set_of_positions_is_equally_likely()
    {
        const int Draws = 4000, Rows = 5;
        var counts = new Dictionary<(int, int, int), int>();
        var batch = new SequenceBatch(new int[Rows * 8], [6, 6, 6, 6, 6], 8);
        for (int step = 0; step < Draws; step++)
        {
            int[] chosen = PositionChoice.Sample(3).Of(batch, seed: 11, step);
            for (int b = 0; b < Rows; b++)
            {
                (int, int, int) set = (chosen[3 * b] % 8, chosen[3 * b + 1] % 8, chosen[3 * b + 2] % 8);
                counts[set] = counts.GetValueOrDefault(set) + 1;
            }
        }
        Assert.That(counts, Has.Count.EqualTo(20)); // of 6, 3
        double expected = Draws * Rows / 20.0;
        double chiSquare = counts.Values.Sum(c => (c - expected) * (c - expected) / expected);
        Assert.That(chiSquare, Is.LessThan(43.8)); // 19 degrees of freedom, 0.1 %
        Assert.That(chiSquare, Is.GreaterThan(5.4)); // as rarely below: even draws are wrong too
    }

    [Test]
    public void A_sample_depends_on_seed_step_row_and_its_length_only()
    {
        var one = new SequenceBatch(new int[40], [40], 40);
        var three = new SequenceBatch(new int[3 * 50], [40, 2, 50], 50);
        var other = new SequenceBatch(new int[3 * 50], [9, 50, 50], 50);
        var choice = PositionChoice.Sample(8);
        int[] Row(SequenceBatch batch, int b, ulong seed, long step) =>
            [.. choice.Of(batch, seed, step).Where(i => i / batch.T == b).Select(i => i % batch.T)];
        Assert.That(Row(three, 0, 1, 5), Is.EqualTo(Row(one, 0, 1, 5)));
        Assert.That(Row(other, 2, 1, 5), Is.EqualTo(Row(three, 2, 1, 5)));
        Assert.That(((int[][])[Row(three, 0, 1, 5), Row(three, 2, 1, 5), Row(three, 0, 2, 5),
            Row(three, 0, 1, 6), Row(three, 0, 1, long.MaxValue), Row(other, 1, 1, 5)])
            .Select(row => string.Join(' ', row)), Is.Unique);
    }

    [TestCase("last", 4)]
    [TestCase("all", 28)]
    [TestCase("1", 4)]
    [TestCase("5", 20)]
    [TestCase("7", 28)]
    [TestCase("8", 28)]
    [TestCase("2147483647", 28)]
    public void A_choice_is_text_and_says_how_many_at_most(string text, long most)
    {
        var choice = PositionChoice.Parse(text);
        Assert.That(PositionChoice.Parse(choice.ToString()), Is.EqualTo(choice));
        Assert.That(choice.MostOf(4, 7), Is.EqualTo(most));
        var full = new SequenceBatch(new int[28], [7, 7, 7, 7], 7);
        Assert.That(choice.Of(full, 1, 1), Has.Length.EqualTo(most));
        Assert.That(choice.MostOf(1 << 20, 1 << 20), Is.GreaterThan(0));
    }

    [TestCase("")]
    [TestCase("0")]
    [TestCase("-1")]
    [TestCase("first")]
    [TestCase("Last")]
    [TestCase("1.5")]
    [TestCase(" 3")]
    [TestCase("99999999999")]
    public void Other_choices_are_refused(string text) =>
        BadInput.Refused(() => PositionChoice.Parse(text), Quoted.Name(text), "last, all");
}
