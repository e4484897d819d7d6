using HeadTap.Runtime;

namespace HeadTap.Unlearn.Tests;

/// <summary>What every method promises.</summary>
public sealed class MethodContractTests
{
    static IEnumerable<string> Names => MethodCatalog.All.Select(m => m.Name);

    static readonly MethodSettings s_short = new()
    {
        ["Epochs"] = 2, ["BatchRows"] = 2, ["Gradients"] = 4, ["Block"] = 5, ["PathSteps"] = 2,
    };

    static UnlearnTask Short(UnlearnTask task, UnlearningMethod method)
        => task with { Options = s_short.Of(method) };

    [TestCaseSource(nameof(Names))]
    public void Finding_leaves_the_model_as_it_was_and_a_budget_of_0_changes_nothing(string name)
    {
        using var c = new MethodCase();
        UnlearningMethod method = MethodCatalog.Named(name);
        Dictionary<string, float[]> before = c.Weights();
        foreach (double budget in (double[])[0, 0.5])
        {
            Finding found = method.Find(Short(c.Task, method), budget);
            Assert.That(c.Changed(before), Is.Empty, $"found for {budget}");
            Assert.That(c.Model.Edits, Is.Empty);
            found.Apply(c.Model, 0);
            Assert.That(c.Changed(before), Is.Empty, $"budget 0 of what was found for {budget}");
        }
    }

    [TestCaseSource(nameof(Names))]
    public void A_positive_budget_changes_something_and_twice_the_same_bits(string name)
    {
        using var c = new MethodCase();
        UnlearningMethod method = MethodCatalog.Named(name);
        Dictionary<string, float[]> before = c.Weights(), first = Run(c, method, 5);
        Assert.That(c.Changed(before), Is.Not.Empty);
        if (method.Family == MethodFamily.Neuron)
            Assert.That(c.Changed(before), Is.All.Contains("mlp.c_fc"));
        c.Restore(before);
        Run(c, method, 5);
        Assert.That(c.Changed(first), Is.Empty, "another run");
        c.Restore(before);
        Run(c, method, 6);
        if (!method.Seeded)
            Assert.That(c.Changed(first), Is.Empty, "another seed");
    }

    [TestCaseSource(nameof(Names))]
    public void A_cancelled_search_leaves_the_model_as_it_was(string name)
    {
        using var c = new MethodCase();
        Dictionary<string, float[]> before = c.Weights();
        using var cancel = new CancellationTokenSource();
        UnlearnTask task = Short(c.Task, MethodCatalog.Named(name)) with
        {
            Cancel = cancel.Token, Progress = _ => cancel.Cancel(),
        };
        try
        {
            MethodCatalog.Named(name).Find(task, 0.5);
        }
        catch (OperationCanceledException)
        {
        }
        Assert.That(c.Changed(before), Is.Empty);
        Assert.That(c.Model.Edits, Is.Empty);
    }

    [TestCaseSource(nameof(Names))]
    public void Bad_input_is_one_line(string name)
    {
        using var c = new MethodCase();
        UnlearningMethod method = MethodCatalog.Named(name);
        string Line(UnlearnTask task, double budget = 0.5)
            => Assert.Throws<UserException>(() => method.Find(task, budget))!.Message;
        Assert.That(Line(c.Task with { Forget = [] }), Does.StartWith("the forget set is empty"));
        Assert.That(Line(c.Task with { Forget = [[4]] }), Does.Contain("fewer than two tokens"));
        Assert.That(Line(c.Task with { Forget = [new int[13]] }), Does.Contain("13 tokens"));
        if (method.NeedsKeep)
            Assert.That(Line(c.Task with { Keep = [] }), Does.Contain("with Keep"));
    }

    static Dictionary<string, float[]> Run(MethodCase c, UnlearningMethod method, ulong seed)
    {
        method.Find(Short(c.Task, method) with { Seed = seed }, 0.5).Apply(c.Model, 0.5);
        return c.Weights();
    }
}
