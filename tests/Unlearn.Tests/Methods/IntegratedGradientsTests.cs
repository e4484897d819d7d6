using System.Numerics;
using HeadTap.Kernels.Tests;
using HeadTap.Reference;
using HeadTap.Runtime;

namespace HeadTap.Unlearn.Tests;

public sealed class IntegratedGradientsTests
{
    [TestCase("cpu512", Activation.Relu, 3)]
    [TestCase("cpu512", Activation.GeluExact, 4)]
    [TestCase("cpu512", Activation.Relu, 1)]
    [TestCase("opencl", Activation.Relu, 3)]
    public void A_score_is_the_mean_of_a_times_the_gradient_along_the_line(
        string device, Activation activation, int steps)
    {
        using var c = new MethodCase(MethodCase.Relu with { Activation = activation }, device);
        UnlearnTask task = c.Task with { Options = new() { PathSteps = steps }, Prompt = 7 };
        double[] found = [.. new IntegratedGradients().Scores(task).SelectMany(s => s)];
        Agreement.AtMostTwiceFloat32("scores", Scores(c, c.Exact, steps),
            Scores(c, Gpt2Reference.Convert<float>(c.Weights()), steps),
            Array.ConvertAll(found, s => (float)s));
    }

    [Test]
    public void With_many_steps_a_layers_scores_add_up_to_what_its_neurons_do()
    {
        using var c = new MethodCase();
        UnlearnTask task = c.Task with { Forget = [c.Task.Forget[0]], Prompt = 8 }; // one position: 7
        double sum = new IntegratedGradients().Scores(task with { Options = new() { PathSteps = 400 } })[1]
            .Sum();
        double P(double alpha)
        {
            double[] logits = Gpt2Reference.Forward(c.Sizes, c.Exact, task.Forget[0][..8],
                (name, a) => name == "blocks.1.mlp.hook_post" ? Scaled(a, 28, alpha) : a)["logits"];
            return Probability(logits, 8, task.Forget[0][8]);
        }
        Assert.That(sum, Is.EqualTo(P(1) - P(0)).Within(0.01 * Math.Abs(P(1) - P(0)))); // error of 1/400
    }

    [Test]
    public void Bad_input_is_one_line()
    {
        using var c = new MethodCase();
        Assert.That(() => new IntegratedGradients().Find(c.Task with { Prompt = 12 }, 0.1),
            Throws.TypeOf<UserException>().With.Message.Contains("expected 13 or more"));
        Assert.That(() => new IntegratedGradients().Find(
                c.Task with { Options = new() { PathSteps = 0 } }, 0.1),
            Throws.TypeOf<UserException>().With.Message.EqualTo("path-steps is 0; expected 1 or more"));
    }

    static TReal[] Scores<TReal>(MethodCase c, IReadOnlyDictionary<string, TReal[]> weights, int steps)
        where TReal : IFloatingPointIeee754<TReal>
    {
        const int prompt = 7;
        int I = c.Model.Config.Inner;
        TReal[] scores = new TReal[2 * I];
        TReal positions = TReal.CreateChecked(c.Task.Forget.Sum(r => Math.Max(0, r.Length - prompt)));
        foreach (int[] row in c.Task.Forget)
            for (int t = prompt - 1; t + 1 < row.Length; t++)
                for (int l = 0; l < 2; l++)
                {
                    string site = $"blocks.{l}.mlp.hook_post";
                    int[] prefix = row[..(t + 1)], targets = [.. Enumerable.Repeat(-1, t), row[t + 1]];
                    TReal[] a = Gpt2Reference.Forward(c.Sizes, weights, prefix)[site];
                    for (int s = 0; s < steps; s++)
                    {
                        TReal alpha = TReal.CreateChecked(steps == 1 ? 0 : (double)s / (steps - 1));
                        Gpt2Gradients<TReal> g = Gpt2Reference.Backward(c.Sizes, weights, prefix, targets,
                            (name, x) => name == site ? Scaled(x, I, alpha) : x);
                        for (int i = 0; i < I; i++)
                            scores[l * I + i] -= TReal.Exp(-g.Loss) * g.Sites[site][t * I + i] * a[t * I + i]
                                / TReal.CreateChecked(steps) / positions;
                    }
                }
        return scores;
    }

    // The last position's neurons.
    static TReal[] Scaled<TReal>(TReal[] a, int I, TReal alpha) where TReal : IFloatingPointIeee754<TReal>
        => [.. a.Select((x, at) => at >= a.Length - I ? alpha * x : x)];

    static double Probability(double[] logits, int T, int token)
    {
        double[] last = logits[((T - 1) * (logits.Length / T))..];
        double max = last.Max();
        return Math.Exp(last[token] - max) / last.Sum(v => Math.Exp(v - max));
    }
}
