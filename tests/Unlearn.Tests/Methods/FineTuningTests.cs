using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn.Tests;

public sealed class FineTuningTests
{
    [TestCase("fine-tune-clean")]
    [TestCase("fine-tune-extra")]
    [TestCase("fine-tune-both")]
    public void It_learns_the_rows_it_is_named_for(string name)
    {
        using var c = new MethodCase();
        double clean = c.Loss(c.Task.Clean), keep = c.Loss(c.Task.Keep);
        MethodCatalog.Named(name).Find(c.Task, 1).Apply(c.Model, 1);
        var after = c.Weights().ToDictionary(w => w.Key, w => Array.ConvertAll(w.Value, v => (double)v));
        double Gain(double before, IReadOnlyList<int[]> rows) => before - c.Loss(rows, after);
        if (name != "fine-tune-extra")
            Assert.That(Gain(clean, c.Task.Clean), Is.GreaterThan(0.05));
        if (name != "fine-tune-clean")
            Assert.That(Gain(keep, c.Task.Keep), Is.GreaterThan(0.05));
    }

    [Test]
    public void A_budget_is_the_share_of_the_steps()
    {
        using var c = new MethodCase();
        Dictionary<string, float[]> before = c.Weights();
        // 10 steps of 2
        UnlearnTask task = c.Task with { Options = new() { ["BatchRows"] = 2, ["Epochs"] = 5 } };
        var method = new FineTuning(clean: false, extra: true);
        method.Find(task, 0.35).Apply(c.Model, 0.35);
        Dictionary<string, float[]> after = c.Weights();
        c.Restore(before);
        using (var trainer = new RowTrainer(c.Model, new AdamWOptions
        {
            LearningRate = 1e-3f, WeightDecay = 0.1f, DecayOnlyMatrices = false, Beta2 = 0.98f,
        }, 2, 12, task.Seed))
            foreach (int[] step in trainer.Epoch(0, 4).Concat(trainer.Epoch(1, 4)).Take(3))
                trainer.Learn([.. step.Select(i => task.Keep[i])]);
        Assert.That(c.Changed(after), Is.Empty);
        c.Restore(before);
        Finding found = method.Find(task, 0.35);
        Assert.That(() => found.Apply(c.Model, 0.5), Throws.ArgumentException);
        Assert.That(c.Changed(before), Is.Empty);
    }

    [Test]
    public void Without_clean_versions_it_says_so()
    {
        using var c = new MethodCase();
        foreach (string name in (string[])["fine-tune-clean", "fine-tune-both"])
            Assert.That(() => MethodCatalog.Named(name).Find(c.Task with { Clean = [] }, 1),
                Throws.TypeOf<UserException>().With.Message.EqualTo($"{name} needs clean versions of the "
                    + "sequences to forget; expected clean_ids beside their ids"));
        Assert.That(() => MethodCatalog.Named("fine-tune-extra").Find(c.Task with { Clean = [] }, 1),
            Throws.Nothing);
        Assert.That(() => MethodCatalog.Named("fine-tune-extra").Find(
                c.Task with { Options = new() { ["LearningRate"] = 0 } }, 1),
            Throws.TypeOf<UserException>().With.Message.EqualTo(
                "LearningRate is 0; expected a number above 0"));
    }
}
