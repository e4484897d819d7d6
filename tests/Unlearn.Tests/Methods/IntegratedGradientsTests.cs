using System.Numerics;
using HeadTap.Kernels.Tests;
using HeadTap.Models;
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
        UnlearnTask task = c.Task with { Options = new() { ["PathSteps"] = steps }, Prompt = 7 };
        double[] found = [.. new IntegratedGradients().Scores(task).SelectMany(s => s)];
        Agreement.AtMostTwiceFloat32("scores", Scores(c, c.Exact, steps, 7),
            Scores(c, Gpt2Reference.Convert<float>(c.Weights()), steps, 7),
            Array.ConvertAll(found, s => (float)s));
    }

    // Three blocks; the whole rows' error against float64 is the yardstick, not a plain loop's.
    [TestCase("cpu512", Activation.Relu)]
    [TestCase("cpu512", Activation.GeluTanh)]
    public void Single_tokens_give_the_scores_of_whole_rows(string device, Activation activation)
    {
        using var c = new MethodCase(
            MethodCase.Relu with { Activation = activation, Layers = 3 }, device);
        UnlearnTask task = c.Task with { Options = new() { ["PathSteps"] = 3 }, Prompt = 5 };
        double[] exact = Scores(c, c.Exact, 3, task.Prompt);
        float[] whole = Array.ConvertAll(OfWholeRows(task, 3), s => (float)s);
        foreach (int inPass in (int[])[7, 1024]) // 7 cuts a position's steps in two
        {
            double[] found = [.. new IntegratedGradients { TokensInPass = inPass }.Scores(task)
                .SelectMany(s => s)];
            Agreement.AtMostTwiceFloat32("scores", exact, whole, Array.ConvertAll(found, s => (float)s));
        }
    }

    [Test]
    public void Interrupted_it_ends_at_once_and_leaves_the_model_as_it_was()
    {
        using var c = new MethodCase();
        using var cancel = new CancellationTokenSource();
        int[] before = SmallTask.Bits(c.Model);
        int told = 0;
        UnlearnTask task = c.Task with
        {
            Cancel = cancel.Token,
            Progress = _ =>
            {
                told++;
                cancel.Cancel();
            },
        };
        Assert.That(() => new IntegratedGradients().Find(task, 0.1),
            Throws.InstanceOf<OperationCanceledException>());
        Assert.That(told, Is.EqualTo(1));
        Assert.That(SmallTask.Bits(c.Model), Is.EqualTo(before));
    }

    [Test]
    public void Edits_attached_to_the_model_are_refused()
    {
        using var c = new MethodCase();
        using (c.Model.Attach(new Edit
        {
            Site = "blocks.0.mlp.hook_post", Operation = EditOperation.Scale, Alpha = 0.5f,
        }))
            Assert.That(() => new IntegratedGradients().Find(c.Task, 0.1),
                Throws.InvalidOperationException.With.Message.StartsWith("An edit is attached"));
        Assert.That(() => new IntegratedGradients().Find(c.Task, 0.1), Throws.Nothing);
    }

    [Test]
    public void With_many_steps_a_layers_scores_add_up_to_what_its_neurons_do()
    {
        using var c = new MethodCase();
        UnlearnTask task = c.Task with { Forget = [c.Task.Forget[0]], Prompt = 8 }; // one position: 7
        double sum = new IntegratedGradients()
            .Scores(task with { Options = new() { ["PathSteps"] = 400 } })[1]
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
                c.Task with { Options = new() { ["PathSteps"] = 0 } }, 0.1),
            Throws.TypeOf<UserException>().With.Message.EqualTo("PathSteps is 0; expected 1 or more"));
    }

    // Each position, layer and alpha as a row of its own, edited at its last token.
    static double[] OfWholeRows(UnlearnTask task, int steps)
    {
        LanguageModel model = task.Model;
        int I = model.Config.Inner, longest = task.Forget.Max(r => r.Length) - 1;
        double[] scores = new double[model.Config.Layers * I];
        double points = steps * task.Forget.Sum(r => Math.Max(0, r.Length - task.Prompt));
        using var arena = new TensorArena(model.Device, 64);
        var none = new HeadTap.Models.ParameterGradients(arena, model.Parameters, new HashSet<string>());
        for (int l = 0; l < model.Config.Layers; l++)
        {
            var site = new Site(SiteKind.MlpPost, l);
            using var session = new ModelSession(model, new SessionOptions
            {
                MaxTokens = longest, Backward = true, Record = [site], RecordGradients = [site],
            });
            foreach (int[] row in task.Forget)
                for (int t = task.Prompt - 1; t + 1 < row.Length; t++)
                {
                    var batch = new SequenceBatch([row[..(t + 1)]]);
                    session.Forward(batch);
                    float[] a = session.Recordings[site].ToArray()[(t * I)..];
                    for (int s = 0; s < steps; s++)
                    {
                        double loss;
                        using (model.Attach(new Edit
                        {
                            Site = site.Name, Operation = EditOperation.Scale,
                            Alpha = (float)s / (steps - 1), Positions = EditPositions.Last,
                        }))
                            (loss, _) = session.ForwardBackward(
                                batch, [.. Enumerable.Repeat(-1, t), row[t + 1]], none, 1f);
                        float[] g = session.SiteGradients[site].ToArray()[(t * I)..];
                        for (int i = 0; i < I; i++)
                            scores[l * I + i] -= Math.Exp(-loss) * g[i] * a[i] / points;
                    }
                }
        }
        return scores;
    }

    static TReal[] Scores<TReal>(
        MethodCase c, IReadOnlyDictionary<string, TReal[]> weights, int steps, int prompt)
        where TReal : IFloatingPointIeee754<TReal>
    {
        (int layers, int I) = (c.Model.Config.Layers, c.Model.Config.Inner);
        TReal[] scores = new TReal[layers * I];
        TReal positions = TReal.CreateChecked(c.Task.Forget.Sum(r => Math.Max(0, r.Length - prompt)));
        foreach (int[] row in c.Task.Forget)
            for (int t = prompt - 1; t + 1 < row.Length; t++)
                for (int l = 0; l < layers; l++)
                {
                    string site = $"blocks.{l}.mlp.hook_post";
                    int[] prefix = row[..(t + 1)], targets = [.. Enumerable.Repeat(-1, t), row[t + 1]];
                    TReal[] a = Gpt2Reference.Forward(c.Sizes, weights, prefix)[site];
                    for (int s = 0; s < steps; s++)
                    {
                        TReal alpha = TReal.CreateChecked(steps == 1 ? 0 : (double)s / (steps - 1));
                        ParameterGradients<TReal> g = Gpt2Reference.Backward(
                            c.Sizes, weights, prefix, targets,
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
