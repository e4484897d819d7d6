using HeadTap.Reference;

namespace HeadTap.Unlearn.Tests;

public sealed class GreedyTests
{
    const int Steps = 9;

    [TestCase("cpu512")]
    [TestCase("opencl")]
    public void Each_step_zeroes_the_weight_of_largest_w_times_gradient(string device)
    {
        using var small = new SmallTask(device);
        var parameters = small.Test.Exact.ToDictionary(p => p.Key, p => (double[])p.Value.Clone());
        foreach (ChosenWeight? chosen in Find(small, small.Task).Chosen)
        {
            Dictionary<string, double[]> gradients = Gradients(small, parameters);
            double best = small.Matrices.Max(m => gradients[m.Name].Zip(parameters[m.Name])
                .Max(p => p.First * p.Second));
            ChosenWeight weight = chosen ?? throw new AssertionException("Every step has a candidate here.");
            double found = parameters[weight.Parameter][weight.At] * gradients[weight.Parameter][weight.At];
            Assert.That(found, Is.GreaterThanOrEqualTo(best * (1 - 1e-4)).And.GreaterThan(0));
            parameters[weight.Parameter][weight.At] = 0;
        }
    }

    [Test]
    public void A_lower_budget_is_the_beginning_of_a_higher_one()
    {
        using var small = new SmallTask(forget: 5, keep: 9);
        UnlearnTask task = small.Task with { Options = new() { ["BatchRows"] = 3 } };
        long weights = small.Matrices.Sum(m => m.Weight.Length);
        Assert.That(Find(small, task, 4).Chosen, Is.EqualTo(Find(small, task).Chosen.Take(4)));
        int[] fewer = small.Edited(Find(small, task), 4.0 / weights);
        Assert.That(fewer, Is.EqualTo(small.Edited(Find(small, task, 4), 4.0 / weights)));
        Assert.That(fewer.Zip(SmallTask.Bits(small.Model)).Count(p => p.First != p.Second),
            Is.EqualTo(Find(small, task, 4).Chosen.Count(c => c is not null)));
        Assert.That(() => Find(small, task, 4).Apply(small.Model, 5.0 / weights), Throws.ArgumentException
            .With.Message.Contains("4 were made"));
    }

    [Test]
    public void A_batch_whose_weights_all_help_changes_nothing()
    {
        using var small = new SmallTask();
        foreach (MlpMatrix matrix in small.Matrices)
            matrix.Weight.Upload(new float[matrix.Weight.Length]); // w g = 0, and 0 is not above 0
        Assert.That(Find(small, small.Task).Chosen, Is.All.Null);
        Assert.That(Find(small, small.Task).Chosen, Has.Count.EqualTo(Steps));
    }

    [Test]
    public void The_reference_counts_all_parameters_and_may_choose_biases()
    {
        using var small = new SmallTask();
        foreach (MlpMatrix matrix in small.Matrices)
            matrix.Weight.Upload(new float[matrix.Weight.Length]);
        UnlearnTask task = small.Task with { Form = MethodForm.Reference };
        double budget = 7.5 / small.Model.Parameters.TotalLength;
        var finding = (OrderFinding)new Greedy().Find(task, budget);
        Assert.That(finding.Chosen, Has.Count.EqualTo(7));
        Assert.That(finding.Chosen.OfType<ChosenWeight>(), Is.Not.Empty);
        Assert.That(finding.Chosen.OfType<ChosenWeight>().Select(c => c.Parameter),
            Is.All.Match(@"^h\.\d\.mlp\.c_(fc|proj)\.bias$"));
    }

    static OrderFinding Find(SmallTask small, UnlearnTask task, int steps = Steps)
        => (OrderFinding)new Greedy().Find(task, steps / (double)small.Matrices.Sum(m => m.Weight.Length));

    // The batch holds all rows: sum_keep l - sum_forget l.
    static Dictionary<string, double[]> Gradients(SmallTask small, Dictionary<string, double[]> parameters)
        => UnlearningReference.Weighed(small.Test.Sizes, parameters,
            [.. small.Task.Forget, .. small.Task.Keep],
            row => small.Task.Forget.Contains(row) ? -1 : 1).Parameters;
}
