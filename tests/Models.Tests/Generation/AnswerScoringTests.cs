using HeadTap.Reference;

namespace HeadTap.Models.Tests;

public sealed class AnswerScoringTests
{
    [Test]
    public void An_answer_has_the_product_of_its_tokens_probabilities_and_is_greedy_if_all_are_first()
    {
        using var test = new TestModel("cpu512");
        int[] prompt = test.Tokens(1, 4);
        int[] greedy = new Generator(test.Model).Generate(new SequenceBatch([prompt]),
            new GenerationOptions { MaxNewTokens = 3 })[0];
        int Other(int token) => (token + 1) % 37;
        (int[] Prompt, int[] Answer)[] questions =
        [
            (prompt, greedy), (prompt, [Other(greedy[0]), greedy[1]]),
            (prompt, [greedy[0], Other(greedy[1])]),
            (prompt, greedy[..1]), (test.Tokens(2, 7), [3, 9]), (test.Tokens(3, 1), [5]),
            // more than one pass, with rows of other lengths
            .. Enumerable.Range(0, AnswerScoring.RowsInPass).Select(i =>
                (test.Tokens(10 + i, 1 + i % 6), test.Tokens(50 + i, 1 + i % 3))),
        ];
        IReadOnlyList<ScoredAnswer> found = AnswerScoring.Score(test.Model, questions);
        Assert.That(found, Has.Count.EqualTo(questions.Length));
        for (int q = 0; q < questions.Length; q++)
        {
            (int[] given, int[] answer) = questions[q];
            double[] logits = Gpt2Reference.Forward(
                test.Sizes, test.Exact, [.. given, .. answer[..^1]])["logits"];
            double p = 1;
            bool first = true;
            for (int i = 0; i < answer.Length; i++)
            {
                double[] row = logits[((given.Length - 1 + i) * 37)..((given.Length + i) * 37)];
                p *= Math.Exp(row[answer[i]]) / row.Sum(Math.Exp);
                first &= Array.IndexOf(row, row.Max()) == answer[i];
                if (i == 0)
                    Assert.That(found[q].FirstLogit, Is.EqualTo(row[answer[0]]).Within(1e-4));
            }
            Assert.That(found[q].Probability, Is.EqualTo(p).Within(1e-5 * p + 1e-9), $"{q}");
            Assert.That(found[q].Greedy, Is.EqualTo(first), $"{q}");
        }
        Assert.That(found.Take(4).Select(f => f.Greedy), Is.EqualTo([true, false, false, true]));
        Assert.That(AnswerScoring.Score(test.Model, []), Is.Empty);
    }
}
