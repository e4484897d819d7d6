using HeadTap.Runtime;

namespace HeadTap.Unlearn.Tests;

public sealed class GradientMethodTests
{
    [Test]
    public void Gradient_ascent_is_learning_with_the_gradient_turned_round()
    {
        using var c = new MethodCase();
        Dictionary<string, float[]> before = c.Weights();
        UnlearnTask task = c.Task with { Options = new() { ["Epochs"] = 1, ["LearningRate"] = 1e-3f } };
        double loss = c.Loss(task.Forget);
        new GradientAscent().Find(task, 1).Apply(c.Model, 1);
        foreach ((string name, float[] up) in c.Weights())
            c.Model.Set[name].Upload([.. up.Zip(before[name], (u, b) => b - (u - b))]);
        // AdamW's first step is the gradient's sign times the rate: down is as far as up, to rounding.
        Dictionary<string, float[]> mirrored = c.Weights();
        c.Restore(before);
        new TaskVector().Find(task with { Options = task.Options.With("Strength", 1) }, 1)
            .Apply(c.Model, 1);
        Dictionary<string, float[]> up2 = c.Weights();
        foreach (string name in before.Keys)
            for (int i = 0; i < before[name].Length; i++)
                Assert.That(up2[name][i] + mirrored[name][i],
                    Is.EqualTo(2 * before[name][i]).Within(1e-6), name);
        var after = up2.ToDictionary(w => w.Key, w => Array.ConvertAll(w.Value, v => (double)v));
        Assert.That(c.Loss(task.Forget, after), Is.GreaterThan(loss + 0.05));
    }

    [Test]
    public void A_task_vector_scales_with_the_budget_and_the_strength()
    {
        using var c = new MethodCase();
        Dictionary<string, float[]> before = c.Weights();
        UnlearnTask task = c.Task with { Options = new() { ["Strength"] = 2f, ["LearningRate"] = 1e-2f } };
        Finding found = new TaskVector().Find(task, 1);
        Dictionary<string, float[]> At(double budget)
        {
            c.Restore(before);
            found.Apply(c.Model, budget);
            return c.Weights();
        }
        Dictionary<string, float[]> half = At(0.5), all = At(1);
        foreach (string name in before.Keys)
            for (int i = 0; i < before[name].Length; i++)
                Assert.That(all[name][i] - before[name][i],
                    Is.EqualTo(2 * (half[name][i] - before[name][i])).Within(1e-6), name);
        Assert.That(all["h.0.mlp.c_fc.weight"], Is.Not.EqualTo(before["h.0.mlp.c_fc.weight"]));
        Assert.That(() => new TaskVector().Find(c.Task with { Options = new() { ["Strength"] = -1 } }, 1),
            Throws.TypeOf<UserException>().With.Message.Contains("Strength is -1"));
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
}
