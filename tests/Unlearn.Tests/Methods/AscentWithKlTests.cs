using HeadTap.Reference;

namespace HeadTap.Unlearn.Tests;

/// <summary>Ascent with KL, and its divergence alone, against their equations in float64.</summary>
public sealed class AscentWithKlTests
{
    // All four rows in a pass, or two passes of three rows and one.
    [TestCase(4), TestCase(3)]
    public void The_divergence_from_the_original_is_its_equation(int rowsInPass)
    {
        using var c = new MethodCase();
        using RowTrainer trainer = c.Trainer();
        using var loss = new OriginalDivergence(c.Model, trainer.Passes, 12, rowsInPass * 37 * 12);
        Assert.That(loss.Add(c.Task.Keep, 1.5), Is.Zero);
        Assert.That(trainer.Gradients.Set["wte.weight"].ToArray(), Is.All.Zero);
        Dictionary<string, double[]> at = c.Perturb(4);
        double Exact(Dictionary<string, double[]> weights) => 1.5 * c.Task.Keep
            .Sum(r => Divergence(Logits(c, c.Exact, r), Logits(c, weights, r)))
            / c.Task.Keep.Sum(r => r.Length);
        Assert.That(loss.Add(c.Task.Keep, 1.5), Is.EqualTo(Exact(at)).Within(1e-5));
        MethodCase.Differences(trainer.Gradients, at, Exact);
    }

    [Test]
    public void The_loss_is_its_equation()
    {
        using var c = new MethodCase();
        UnlearnTask task = c.Task with
        {
            Keep = [.. c.Task.Keep.Take(3)], Options = new() { ["Lambda"] = 3f },
        };
        using RowTrainer trainer = c.Trainer();
        using StepLoss loss = new AscentWithKl().Loss(task, trainer);
        Dictionary<string, double[]> at = c.Perturb(4);
        double Exact(Dictionary<string, double[]> weights) => -c.Loss(task.Forget, weights)
            + 3 * task.Keep.Sum(r => Divergence(Logits(c, c.Exact, r), Logits(c, weights, r)))
            / task.Keep.Sum(r => r.Length);
        Assert.That(loss.Add(task.Forget, c.AllRows), Is.EqualTo(Exact(at)).Within(1e-5));
        MethodCase.Differences(trainer.Gradients, at, Exact);
    }

    static double[] Logits(MethodCase c, IReadOnlyDictionary<string, double[]> weights, int[] row)
        => Gpt2Reference.Forward(c.Sizes, weights, row)["logits"];

    // Sum over positions of KL(softmax(p) || softmax(q)).
    static double Divergence(double[] p, double[] q)
    {
        double sum = 0;
        foreach ((double[] a, double[] b) in p.Chunk(37).Zip(q.Chunk(37)))
        {
            double A = Math.Log(a.Sum(Math.Exp)), B = Math.Log(b.Sum(Math.Exp));
            for (int v = 0; v < 37; v++)
                sum += Math.Exp(a[v] - A) * (a[v] - A - b[v] + B);
        }
        return sum;
    }
}
