using HeadTap.Models;
using HeadTap.Reference;
using HeadTap.Runtime;

namespace HeadTap.Unlearn.Tests;

/// <summary>RMU's loss against its equations in float64, its gradient against differences.</summary>
public sealed class RmuTests
{
    [Test]
    public void The_loss_is_its_equations([Values(0, 1)] int layer)
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
        Assert.That(loss.Add(task.Forget, c.AllRows), Is.EqualTo(Exact(at)).Within(1e-5));
        MethodCase.Differences(trainer.Gradients, at, Exact);
        Assert.That(c.Model.Edits, Is.Empty);
    }

    [Test]
    public void Without_a_strength_the_vector_is_twice_as_long_as_the_stream()
    {
        using var c = new MethodCase();
        UnlearnTask task = c.Task with { Options = new() { ["Layer"] = 1 } };
        using var trainer = new RowTrainer(c.Model, new AdamWOptions(), 3, 12, 1, new Rmu().Trained(task),
            new Rmu().Recorded(task));
        using var loss = new Rmu.SteeringLoss(task, trainer.Passes, 1);
        double mean = task.Forget.SelectMany(row => Gpt2Reference.Forward(c.Sizes, c.Exact, row)
            ["blocks.1.hook_resid_post"].Chunk(20)).Average(h => Math.Sqrt(h.Sum(Square)));
        Assert.That(Math.Sqrt(loss.Wanted.Sum(x => (double)x * x)), Is.EqualTo(2 * mean).Within(1e-4));
    }

    [Test]
    public void It_trains_three_layers_of_neurons_and_refuses_others()
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

    static double Square(double x) => x * x;
}
