namespace HeadTap.Unlearn.Tests;

/// <summary>Every option that a method says it takes, and its seed, changes what it finds.</summary>
public sealed class MethodOptionTests
{
    static readonly MethodOptions s_plain = new()
    {
        Epochs = 2, BatchRows = 2, Gradients = 4, Block = 5, PathSteps = 3, LearningRate = 0.02f,
    };

    static readonly Dictionary<string, MethodOptions> s_changed = new()
    {
        [nameof(MethodOptions.Epochs)] = s_plain with { Epochs = 4 },
        [nameof(MethodOptions.BatchRows)] = s_plain with { BatchRows = 1 },
        [nameof(MethodOptions.LearningRate)] = s_plain with { LearningRate = 0.05f },
        [nameof(MethodOptions.Momentum)] = s_plain with { Momentum = 0.1f },
        [nameof(MethodOptions.WeightDecay)] = s_plain with { WeightDecay = 0.7f },
        [nameof(MethodOptions.Alpha)] = s_plain with { Alpha = 0.2f },
        [nameof(MethodOptions.Lambda)] = s_plain with { Lambda = 3f },
        [nameof(MethodOptions.Beta)] = s_plain with { Beta = 2f },
        [nameof(MethodOptions.PathSteps)] = s_plain with { PathSteps = 6 },
        [nameof(MethodOptions.Gradients)] = s_plain with { Gradients = 2 },
        [nameof(MethodOptions.Block)] = s_plain with { Block = 3 },
        [nameof(MethodOptions.Damping)] = s_plain with { Damping = 0.5f },
        [nameof(MethodOptions.Layer)] = s_plain with { Layer = 1 },
        [nameof(MethodOptions.Strength)] = s_plain with { Strength = 3f },
    };

    static IEnumerable<TestCaseData> Options => MethodCatalog.All
        .SelectMany(m => m.Takes.Select(option => new TestCaseData(m.Name, option)));

    static IEnumerable<string> Seeded => MethodCatalog.All.Where(m => m.Seeded).Select(m => m.Name);

    static IEnumerable<string> WithReferenceForm
        => MethodCatalog.All.Where(m => m.HasReferenceForm).Select(m => m.Name);

    [TestCaseSource(nameof(Options))]
    public void An_option_is_read(string name, string option)
    {
        using var c = new MethodCase();
        Assert.That(Found(c, name, c.Task with { Options = s_changed[option] }),
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
            Options = s_plain with { Epochs = 4, BatchRows = name == "balanced-subnet" ? 99 : 2 },
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
        switch (method.Find(!masks ? task : task with
        {
            Options = task.Options with { LearningRate = 50 * task.Options.LearningRate },
        }, budget))
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
