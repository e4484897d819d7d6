namespace HeadTap.Unlearn.Tests;

/// <summary>Every option that a method says it takes, and its seed, changes what it finds.</summary>
public sealed class MethodOptionTests
{
    static readonly MethodSettings s_plain = new()
    {
        ["Epochs"] = 2, ["BatchRows"] = 2, ["Gradients"] = 4, ["Block"] = 5, ["PathSteps"] = 3,
        ["LearningRate"] = 0.02f,
    };

    static readonly Dictionary<string, double> s_changed = new()
    {
        ["Epochs"] = 4, ["BatchRows"] = 1, ["LearningRate"] = 0.05f, ["Momentum"] = 0.1f,
        ["WeightDecay"] = 0.7f, ["Alpha"] = 0.2f, ["Lambda"] = 3f, ["Beta"] = 2f, ["PathSteps"] = 6,
        ["Gradients"] = 2, ["Block"] = 3, ["Damping"] = 0.5f, ["Layer"] = 1, ["Strength"] = 3f,
    };

    static IEnumerable<TestCaseData> Options => MethodCatalog.All
        .SelectMany(m => m.Options.Select(option => new TestCaseData(m.Name, option.Name)));

    static IEnumerable<string> Seeded => MethodCatalog.All.Where(m => m.Seeded).Select(m => m.Name);

    static IEnumerable<string> WithReferenceForm
        => MethodCatalog.All.Where(m => m.HasReferenceForm).Select(m => m.Name);

    [TestCaseSource(nameof(Options))]
    public void An_option_is_read(string name, string option)
    {
        using var c = new MethodCase();
        Assert.That(Found(c, name, c.Task with { Options = s_plain.With(option, s_changed[option]) }),
            Is.Not.EqualTo(Found(c, name, c.Task with { Options = s_plain })));
    }

    [TestCaseSource(nameof(Seeded))]
    public void A_seed_is_read(string name)
    {
        using var c = new MethodCase();
        UnlearnTask task = c.Task with { Options = s_plain };
        Assert.That(Enumerable.Range(0, 4).Select(seed => Found(c, name, task with { Seed = (ulong)seed }))
            .Distinct().Count(), Is.GreaterThan(1));
    }

    [TestCaseSource(nameof(WithReferenceForm))]
    public void The_reference_form_is_another(string name)
    {
        using var c = new MethodCase();
        UnlearnTask task = c.Task with
        {
            Options = s_plain.With("Epochs", 4).With("BatchRows", name == "balanced-subnet" ? 99 : 2),
            Keep = [.. c.Task.Keep, c.Task.Forget[0]],
        };
        Assert.That(Found(c, name, task with { Form = MethodForm.Reference }),
            Is.Not.EqualTo(Found(c, name, task)));
    }

    // The scores, or where there are none the bits of the weights.
    static string Found(MethodCase c, string name, UnlearnTask task)
    {
        UnlearningMethod method = MethodCatalog.Named(name);
        bool masks = method is Subnet; // scores have to move by much before another weight is lowest
        double budget = name == "greedy" ? 0.01 : 0.5; // it makes a pass a weight
        Dictionary<string, float[]> before = c.Weights();
        task.Options.TryGet("LearningRate", out double rate);
        MethodSettings options = masks ? task.Options.With("LearningRate", 50 * rate) : task.Options;
        switch (method.Find(task with { Options = options.Of(method) }, budget))
        {
            case NeuronFinding neurons:
                return string.Join(' ', neurons.Scores.SelectMany(layer => layer));
            case WeightFinding weights:
                return string.Join(' ', weights.Scores.SelectMany(s => s.Scores));
            case Finding other:
                other.Apply(c.Model, budget);
                string found = string.Join(' ', c.Weights().SelectMany(w => w.Value));
                c.Restore(before);
                return found;
            default:
                throw new InvalidOperationException($"{name} found nothing.");
        }
    }
}
