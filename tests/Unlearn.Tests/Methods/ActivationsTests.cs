using System.Numerics;
using HeadTap.Kernels.Tests;
using HeadTap.Reference;
using HeadTap.Runtime;

namespace HeadTap.Unlearn.Tests;

public sealed class ActivationsTests
{
    [TestCase("cpu512", Activation.Relu)]
    [TestCase("cpu512", Activation.GeluTanh)]
    [TestCase("opencl", Activation.GeluTanh)]
    public void A_score_is_the_signed_mean_from_the_prompts_last_token_on_times_the_norm_of_what_it_writes(
        string device, Activation activation)
    {
        using var c = new MethodCase(MethodCase.Relu with { Activation = activation }, device);
        UnlearnTask task = c.Task with { Prompt = 8 }; // the row of 7 tokens has no such position
        double[] found = [.. new Activations().Scores(task).SelectMany(s => s)];
        double[] exact = Scores(c, c.Exact, 8);
        Agreement.AtMostTwiceFloat32("activations", exact,
            Scores(c, Gpt2Reference.Convert<float>(c.Weights()), 8), Array.ConvertAll(found, s => (float)s));
        if (activation == Activation.GeluTanh)
            Assert.That(found.Min(), Is.LessThan(0), "the mean is signed");
    }

    [Test]
    public void Rows_that_end_before_their_prompt_are_one_line()
    {
        using var c = new MethodCase();
        Assert.That(() => new Activations().Find(c.Task with { Prompt = 13 }, 0.1),
            Throws.TypeOf<UserException>().With.Message.EqualTo(
                "activations looks at positions from 12 on; the longest sequence to forget has 12 tokens, "
                + "expected 13 or more: use a smaller Prompt"));
        Assert.That(() => new Activations().Find(c.Task with { Prompt = 0 }, 0.1),
            Throws.TypeOf<UserException>().With.Message.EqualTo("Prompt is 0; expected 1 or more"));
    }

    static TReal[] Scores<TReal>(MethodCase c, IReadOnlyDictionary<string, TReal[]> weights, int prompt)
        where TReal : IFloatingPointIeee754<TReal>
    {
        int I = c.Model.Config.Inner, C = c.Model.Config.Width;
        TReal[] scores = new TReal[2 * I];
        int[][] rows = [.. c.Task.Forget.Where(r => r.Length >= prompt)];
        int positions = rows.Sum(r => r.Length - prompt + 1);
        foreach (int[] row in rows)
        {
            Dictionary<string, TReal[]> sites = Gpt2Reference.Forward(c.Sizes, weights, row);
            for (int n = 0; n < scores.Length; n++)
                for (int t = prompt - 1; t < row.Length; t++)
                    scores[n] += sites[$"blocks.{n / I}.mlp.hook_post"][t * I + n % I];
        }
        for (int n = 0; n < scores.Length; n++)
        {
            TReal squares = TReal.Zero;
            for (int k = 0; k < C; k++)
            {
                TReal w = weights[$"h.{n / I}.mlp.c_proj.weight"][n % I * C + k];
                squares += w * w;
            }
            scores[n] *= TReal.Sqrt(squares) / TReal.CreateChecked(positions);
        }
        return scores;
    }
}
