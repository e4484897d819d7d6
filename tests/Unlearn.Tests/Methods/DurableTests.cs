using HeadTap.Models;
using HeadTap.Reference;

namespace HeadTap.Unlearn.Tests;

public sealed class DurableTests
{
    const double Budget = 0.1;

    [TestCase("cpu512", false)]
    [TestCase("cpu512", true)]
    [TestCase("opencl", false)]
    [TestCase("opencl", true)]
    public void The_largest_gradients_are_those_of_float64(string device, bool together)
    {
        using var small = new SmallTask(device);
        Dictionary<string, double[]> exact = Exact(small);
        var finding = (WeightFinding)new Durable(together).Find(small.Task, Budget);
        Assert.That(finding.Scores.Select(s => s.Parameter), Is.EqualTo(small.Matrices.Select(m => m.Name)));
        WeightSnapshot before = WeightSnapshot.Of(small.Model);
        finding.Apply(small.Model, Budget);
        (string Name, int At, double Score)[] all = [.. finding.Scores.SelectMany(s =>
            exact[s.Parameter].Select((g, i) => (s.Parameter, i, Math.Abs(g))))];
        IEnumerable<(string Name, int At, double Score)[]> groups =
            together ? [all] : all.GroupBy(e => e.Name).Select(g => g.ToArray());
        foreach ((string Name, int At, double Score)[] group in groups)
        {
            HashSet<(string, int)> removed = [.. group.Where(e =>
                small.Model.Set[e.Name].ToArray()[e.At] != before[e.Name][e.At]).Select(e => (e.Name, e.At))];
            Assert.That(removed, Has.Count.EqualTo((int)(group.Length * Budget)));
            double last = group.Where(e => removed.Contains((e.Name, e.At))).Min(e => e.Score);
            double next = group.Where(e => !removed.Contains((e.Name, e.At))).Max(e => e.Score);
            Assert.That(last, Is.GreaterThanOrEqualTo(next * (1 - 1e-5)), "but for float32's ties");
        }
    }

    [TestCase(false)]
    [TestCase(true)]
    public void The_reference_edits_biases_as_well_and_agrees_on_matrices(bool together)
    {
        using var small = new SmallTask();
        var corrected = (WeightFinding)new Durable(together).Find(small.Task, Budget);
        var reference = (WeightFinding)new Durable(together).Find(
            small.Task with { Form = MethodForm.Reference }, Budget);
        Dictionary<string, double[]> exact = Exact(small);
        Assert.That(reference.Scores.Select(s => s.Parameter),
            Is.EqualTo(small.Model.Parameters.Match("h.*.mlp.*").Select(s => s.Name)));
        foreach ((string name, float[] scores) in corrected.Scores)
            Assert.That(reference.Scores.Single(s => s.Parameter == name).Scores, Is.EqualTo(scores));
        foreach ((string name, float[] scores) in reference.Scores)
            Assert.That(scores, Is.EqualTo(exact[name].Select(Math.Abs)).Within(1e-5 * exact[name].Max()));
    }

    [Test]
    public void One_budget_over_all_differs_from_one_for_each()
    {
        using var small = new SmallTask();
        int[] each = small.Edited(new Durable(false).Find(small.Task, Budget), Budget);
        int[] together = small.Edited(new Durable(true).Find(small.Task, Budget), Budget);
        Assert.That(together, Is.Not.EqualTo(each));
    }

    static Dictionary<string, double[]> Exact(SmallTask small)
        => UnlearningReference.Mean(small.Test.Sizes, small.Test.Exact, small.Task.Forget).Parameters;
}
