using HeadTap.Models;
using HeadTap.Reference;
using HeadTap.Runtime;

namespace HeadTap.Unlearn.Tests;

/// <summary>What gradient methods go down, against the oracle's loss and its differences.</summary>
public sealed class StepLossTests
{
    static readonly int[] AllRows = [0, 1, 2];

    [Test]
    public void Npo_is_its_equation()
    {
        using var c = new MethodCase();
        const double beta = 0.3;
        double[] reference = [.. c.Task.Forget.Select(r => c.RowSum(r, c.Exact))];
        using RowTrainer trainer = Trainer(c);
        using var loss = new NegativePreference.PreferenceLoss(trainer, c.Task.Forget, beta);
        Assert.That(loss.Add(c.Task.Forget, AllRows), Is.EqualTo(2 / beta * Math.Log(2)).Within(1e-6));
        trainer.Passes.Clear();
        Dictionary<string, double[]> at = c.Perturb(4);
        double Exact(Dictionary<string, double[]> weights) => c.Task.Forget.Select((r, i) =>
            2 / beta * Math.Log(1 + Math.Exp(beta * (reference[i] - c.RowSum(r, weights))))).Average();
        Assert.That(loss.Add(c.Task.Forget, AllRows), Is.EqualTo(Exact(at)).Within(1e-5));
        MethodCase.Differences(trainer.Gradients, at, Exact);
    }

    [Test]
    public void Npo_does_not_overflow()
    {
        using var c = new MethodCase();
        using RowTrainer trainer = Trainer(c);
        using var loss = new NegativePreference.PreferenceLoss(trainer, c.Task.Forget, 1e4);
        c.Perturb(4);
        Assert.That(loss.Add(c.Task.Forget, AllRows), Is.InRange(0, 1000));
        Assert.That(trainer.Gradients.Set["wte.weight"].ToArray(), Is.All.Matches<float>(float.IsFinite));
    }

    [Test]
    public void The_divergence_from_the_original_is_its_equation()
    {
        using var c = new MethodCase();
        using RowTrainer trainer = Trainer(c);
        using var loss = new OriginalDivergence(c.Model, trainer.Passes, 12);
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
    public void Ascent_with_kl_is_its_equation()
    {
        using var c = new MethodCase();
        UnlearnTask task = c.Task with
        {
            Keep = [.. c.Task.Keep.Take(3)], Options = new() { ["Lambda"] = 3f },
        };
        using RowTrainer trainer = Trainer(c);
        using StepLoss loss = new AscentWithKl().Loss(task, trainer);
        Dictionary<string, double[]> at = c.Perturb(4);
        double Exact(Dictionary<string, double[]> weights) => -c.Loss(task.Forget, weights)
            + 3 * task.Keep.Sum(r => Divergence(Logits(c, c.Exact, r), Logits(c, weights, r)))
            / task.Keep.Sum(r => r.Length);
        Assert.That(loss.Add(task.Forget, AllRows), Is.EqualTo(Exact(at)).Within(1e-5));
        MethodCase.Differences(trainer.Gradients, at, Exact);
    }

    [Test]
    public void Rmu_is_its_equations([Values(0, 1)] int layer)
    {
        using var c = new MethodCase();
        UnlearnTask task = c.Task with
        {
            Keep = [.. c.Task.Keep.Take(3)],
            Options = new() { ["Layer"] = layer, ["Strength"] = 2.5f, ["Alpha"] = 4f },
        };
        using var trainer = new RowTrainer(c.Model, new AdamWOptions(), 3, 12, 1, new Rmu().Trained(task),
            new Rmu().Recorded(task));
        using var loss = new Rmu.SteeringLoss(task, trainer.Passes, layer);
        Assert.That(Math.Sqrt(loss.Wanted.Sum(x => (double)x * x)), Is.EqualTo(2.5).Within(1e-5));
        Assert.That(loss.Wanted, Is.All.GreaterThanOrEqualTo(0));
        Dictionary<string, double[]> at = c.Perturb(4);
        double[] Stream(IReadOnlyDictionary<string, double[]> weights, int[] row)
            => Gpt2Reference.Forward(c.Sizes, weights, row)[$"blocks.{layer}.hook_resid_post"];
        double[][] held = [.. task.Keep.Select(r => Stream(c.Exact, r))];
        double Exact(Dictionary<string, double[]> weights)
            => task.Forget
                    .Sum(r => Stream(weights, r).Select((h, i) => Square(h - loss.Wanted[i % 20])).Sum())
                / (task.Forget.Sum(r => r.Length) * 20)
            + 4 * task.Keep.Select((r, k) => Stream(weights, r)
                .Zip(held[k], (h, o) => Square(h - o)).Sum()).Sum() / (task.Keep.Sum(r => r.Length) * 20);
        Assert.That(loss.Add(task.Forget, AllRows), Is.EqualTo(Exact(at)).Within(1e-5));
        MethodCase.Differences(trainer.Gradients, at, Exact);
        Assert.That(c.Model.Edits, Is.Empty);
    }

    [Test]
    public void Rmu_trains_three_layers_of_neurons_and_refuses_others()
    {
        using var c = new MethodCase(MethodCase.Relu with { Layers = 5 });
        UnlearnTask task = c.Task with { Options = new() { ["Layer"] = 3, ["Epochs"] = 1 } };
        Dictionary<string, float[]> before = c.Weights();
        new Rmu().Find(task, 1).Apply(c.Model, 1);
        Assert.That(c.Changed(before).Select(n => n[..8]).Distinct(),
            Is.EquivalentTo((string[])["h.1.mlp.", "h.2.mlp.", "h.3.mlp."]));
        Assert.That(() => new Rmu().Find(task with { Options = new() { ["Layer"] = 5 } }, 1),
            Throws.TypeOf<UserException>().With.Message.EqualTo("Layer is 5; this model has layers 0 to 4"));
    }

    [TestCase("gradient-ascent")]
    [TestCase("ga-kl")]
    [TestCase("npo")]
    [TestCase("task-vector")]
    public void What_it_forgets_gets_less_likely(string name)
    {
        using var c = new MethodCase();
        UnlearnTask task = c.Task with { Options = new() { ["LearningRate"] = 1e-3f } };
        double before = c.Loss(task.Forget);
        MethodCatalog.Named(name).Find(task, 1).Apply(c.Model, 1);
        Assert.That(c.Loss(task.Forget, c.Weights().ToDictionary(
            w => w.Key, w => Array.ConvertAll(w.Value, v => (double)v))), Is.GreaterThan(before + 0.05));
    }

    [Test]
    public void Rows_to_keep_come_round_each_as_often()
    {
        using var c = new MethodCase();
        IReadOnlyList<int[]> keep = c.Task.Keep;
        var cycle = new RowCycle(keep, 3);
        int[][] taken = [.. cycle.Next(3), .. cycle.Next(3), .. cycle.Next(2)];
        foreach (int[] row in keep)
            Assert.That(taken.Count(t => ReferenceEquals(t, row)), Is.EqualTo(2));
    }

    static RowTrainer Trainer(MethodCase c) => new(c.Model, new AdamWOptions(), 3, 12, 1);

    static double Square(double x) => x * x;

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
