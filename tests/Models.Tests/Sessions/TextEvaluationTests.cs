using HeadTap.Reference;

namespace HeadTap.Models.Tests;

public sealed class TextEvaluationTests
{
    [TestCase(12, 12), TestCase(4, 4), TestCase(5, 2), TestCase(6, 1)]
    public void Every_token_but_the_first_counts_once_with_the_longest_text_before_it_that_a_window_has(
        int context, int stride)
    {
        using var test = new TestModel("cpu512");
        int[][] documents = [test.Tokens(1, 13), [], test.Tokens(2, 1), test.Tokens(3, 8), test.Tokens(4, 2)];
        TextScore found = TextEvaluation.Run(test.Model, documents, context, stride);
        double sum = 0, perplexities = 0;
        int right = 0, tokens = 0, windows = 0;
        foreach (int[] text in documents)
            for (int start = 0, counted = 0; counted < text.Length - 1; start += stride)
            {
                int end = Math.Min(start + context, text.Length - 1), first = counted;
                double[] logits = Gpt2Reference.Forward(test.Sizes, test.Exact, text[start..end])["logits"];
                double window = 0;
                for (; counted < end; counted++)
                {
                    double[] row = logits[((counted - start) * 37)..((counted - start + 1) * 37)];
                    window += Math.Log(row.Sum(Math.Exp)) - row[text[counted + 1]];
                    right += Array.IndexOf(row, row.Max()) == text[counted + 1] ? 1 : 0;
                }
                sum += window;
                perplexities += Math.Exp(window / (counted - first));
                tokens += counted - first;
                windows++;
            }
        Assert.That((found.Documents, found.Windows, found.Tokens), Is.EqualTo((5, windows, (long)tokens)));
        Assert.That(found.Loss, Is.EqualTo(sum / tokens).Within(1e-5));
        Assert.That(found.Perplexity, Is.EqualTo(Math.Exp(found.Loss)));
        Assert.That(found.WindowPerplexity, Is.EqualTo(perplexities / windows).Within(1e-4));
        Assert.That(found.Accuracy, Is.EqualTo((double)right / tokens));
    }

    [Test]
    public void Windows_that_do_not_fit_and_texts_without_a_prediction_are_refused()
    {
        using var test = new TestModel("cpu512");
        BadInput.Refused(() => TextEvaluation.Run(test.Model, [[1, 2]], 13, 1), "a context of 13 tokens");
        BadInput.Refused(() => TextEvaluation.Run(test.Model, [[1, 2]], 0, 0), "a context of 0 tokens");
        BadInput.Refused(() => TextEvaluation.Run(test.Model, [[1, 2]], 4, 5), "a stride of 5 tokens");
        BadInput.Refused(() => TextEvaluation.Run(test.Model, [[1, 2]], 4, 0), "a stride of 0 tokens");
        BadInput.Refused(() => TextEvaluation.Run(test.Model, [[1], []], 4, 4), "no text has two tokens");
    }
}
