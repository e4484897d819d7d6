using System.Numerics;
using HeadTap.Models;
using HeadTap.Models.Tests;
using HeadTap.Reference;

namespace HeadTap.Lens.Tests;

public sealed class HeadRemovalTests
{
    const int V = 37, H = 4, D = 5;

    static readonly int[] Prompt = [3, 14, 15, 9, 2, 30, 7], Positions = [0, 2, 6], Tokens = [5, 36, 1];

    static readonly HeadPlace[] Heads = [new(1, 2), new(0, 3), new(1, 0), new(0, 1), new(1, 3)];

    [TestCase(false), TestCase(true)]
    public void Changes_are_those_of_the_textbook_decoder(bool toMean)
    {
        using var test = new TestModel("cpu512");
        double[][] found = Changes(test.Model, new() { ToMean = toMean, LastOnly = false });
        double[][] exact = Textbook(test, test.Exact, toMean), plain = Textbook(test, test.Plain, toMean);
        double bound = 2 * exact.Zip(plain, (e, p) => e.Zip(p, (a, b) => Math.Abs(a - b)).Max()).Max();
        for (int h = 0; h < Heads.Length; h++)
            for (int p = 0; p < Positions.Length; p++)
                Assert.That(found[h][p], Is.EqualTo(exact[h][p]).Within(bound), $"{Heads[h]} at {p}");
        Assert.That(exact.Min(e => e.Max(Math.Abs)), Is.GreaterThan(100 * bound), "nothing to see");
    }

    [Test]
    public void The_same_bits_for_any_number_of_rows_and_the_model_is_left_as_it_was()
    {
        using var test = new TestModel("cpu512");
        double[][] one = Changes(test.Model, new() { LastOnly = false, Rows = 1 });
        foreach (int rows in (int[])[2, 3, 9, 0])
            Assert.That(Changes(test.Model, new() { LastOnly = false, Rows = rows }), Is.EqualTo(one),
                $"{rows} rows");
        Assert.That(test.Model.Edits, Is.Empty);
    }

    // Whole passes in the check of lens eval, resumed ones here.
    [TestCase(false), TestCase(true)]
    public void A_last_position_has_the_bits_that_the_check_of_lens_eval_has(bool toMean)
    {
        using var test = new TestModel("cpu512");
        using var removal = new HeadRemoval(test.Model, 7, new() { ToMean = toMean, Rows = 3 });
        HeadPlace[] heads = [.. Heads.Where(h => h.Layer == 1)];
        double[][] changes = removal.Changes(Prompt, [6], [1], heads);
        int[][] prompts = [.. heads.Select(_ => Prompt)];
        int[] tokens = [.. heads.Select(_ => 1)];
        double[] before = removal.LogP(prompts, tokens, null), after = removal.LogP(prompts, tokens, heads);
        Assert.That(changes.Select(c => c.Single()), Is.EqualTo(after.Zip(before, (a, b) => a - b)));
        double[][] all = Changes(test.Model, new() { ToMean = toMean, LastOnly = false });
        Assert.That(all.Where((_, i) => Heads[i].Layer == 1).Select(c => c[2]),
            Is.EqualTo(changes.Select(c => c[0])));
    }

    // An edit of the first row alone, below the head: every head must run with it.
    [Test]
    public void Attached_edits_apply_with_and_without_the_head()
    {
        using var test = new TestModel("cpu512");
        double[][] plain = Changes(test.Model, new() { LastOnly = false });
        var edit = new Edit
        {
            Site = Site.Result(0), Operation = EditOperation.Scale, Alpha = 3, Head = 2, Rows = [0],
        };
        double[][] found, expected;
        using (test.Model.Attach(edit))
        {
            found = Changes(test.Model, new() { LastOnly = false });
            expected = [.. Heads.Select(head => Positions.Select((p, i) =>
            {
                double before = LogP(test.Model, p, Tokens[i]);
                using (test.Model.Attach(new Edit
                {
                    Site = Site.Result(head.Layer), Operation = EditOperation.Zero, Head = head.Head,
                }))
                    return LogP(test.Model, p, Tokens[i]) - before;
            }).ToArray())];
        }
        Assert.That(found, Is.EqualTo(expected));
        Assert.That(found[0][2], Is.Not.EqualTo(plain[0][2]).Within(1e-4));
    }

    [Test]
    public void Positions_and_tokens_must_fit()
    {
        using var test = new TestModel("cpu512");
        using var removal = new HeadRemoval(test.Model, 7, new());
        Assert.That(() => removal.Changes(Prompt, [2], [1], Heads), Throws.ArgumentException);
        Assert.That(() => removal.Changes(Prompt, [6], [1, 2], Heads), Throws.ArgumentException);
    }

    static double[][] Changes(LanguageModel model, HeadRemovalOptions options)
    {
        using var removal = new HeadRemoval(model, Prompt.Length, options);
        return removal.Changes(Prompt, Positions, Tokens, Heads);
    }

    static double LogP(LanguageModel model, int position, int token)
    {
        using var session = new ModelSession(
            model, new SessionOptions { MaxTokens = Prompt.Length, Logits = LogitsAt.All });
        session.Forward(new SequenceBatch([Prompt]));
        float[] row = session.Logits.ToArray()[(position * V)..((position + 1) * V)];
        return row[token] - LogSumExp.Of(row);
    }

    // A head's result is its z times its rows of W_O, so its z is zero or the mean.
    static double[][] Textbook<T>(TestModel test, Dictionary<string, T[]> parameters, bool toMean)
        where T : IFloatingPointIeee754<T>
    {
        double[] LogP(HeadPlace? head)
        {
            T[] logits = Gpt2Reference.Forward(test.Sizes, parameters, Prompt, (name, values) =>
            {
                if (head is { } h && name == $"blocks.{h.Layer}.attn.hook_z")
                    for (int d = 0; d < D; d++)
                    {
                        T mean = T.Zero;
                        for (int t = 0; t < Prompt.Length; t++)
                            mean += values[(t * H + h.Head) * D + d] / T.CreateChecked(Prompt.Length);
                        for (int t = 0; t < Prompt.Length; t++)
                            values[(t * H + h.Head) * D + d] = toMean ? mean : T.Zero;
                    }
                return values;
            })["logits"];
            return [.. Positions.Select((p, i) =>
            {
                double[] row = [.. logits[(p * V)..((p + 1) * V)].Select(double.CreateChecked)];
                return row[Tokens[i]] - Math.Log(row.Sum(Math.Exp));
            })];
        }
        double[] before = LogP(null);
        return [.. Heads.Select(h => LogP(h).Zip(before, (after, was) => after - was).ToArray())];
    }
}
