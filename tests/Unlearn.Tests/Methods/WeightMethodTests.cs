using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn.Tests;

/// <summary>What every weight-level method promises.</summary>
public sealed class WeightMethodTests
{
    const double Budget = 0.04; // greedy makes a pass a weight

    static IEnumerable<string> Names => MethodCatalog.All
        .Where(m => m.Family is MethodFamily.Weight or MethodFamily.Control).Select(m => m.Name);

    static readonly MethodSettings Few = new()
    {
        ["Epochs"] = 2, ["BatchRows"] = 64, ["Gradients"] = 3, ["Block"] = 7,
    };

    [TestCaseSource(nameof(Names))]
    public void It_leaves_the_bits_and_a_budget_of_nothing_changes_none(string name)
    {
        using var small = new SmallTask();
        int[] before = SmallTask.Bits(small.Model);
        Finding finding = Find(name, small.Task);
        Assert.That(SmallTask.Bits(small.Model), Is.EqualTo(before), "after Find");
        Assert.That(small.Edited(finding, 0), Is.EqualTo(before), "budget 0");
        Assert.That(small.Edited(MethodCatalog.Named(name).Find(small.Task, 0), 0), Is.EqualTo(before));
        Assert.That(small.Edited(finding, Budget), Is.Not.EqualTo(before), "a budget");
    }

    [TestCaseSource(nameof(Names))]
    public void It_leaves_the_bits_when_it_is_ended(string name)
    {
        using var small = new SmallTask();
        int[] before = SmallTask.Bits(small.Model);
        using var source = new CancellationTokenSource();
        UnlearnTask task = small.Task with { Cancel = source.Token, Progress = _ => source.Cancel() };
        try
        {
            Find(name, task);
        }
        catch (OperationCanceledException)
        {
        }
        Assert.That(SmallTask.Bits(small.Model), Is.EqualTo(before));
        Assert.That(small.Model.Device.LiveBytes, Is.LessThanOrEqualTo(
            (small.Model.Parameters.TotalLength + 64) * sizeof(float) * 2), "no arena is left");
    }

    [TestCaseSource(nameof(Names))]
    public void Only_matrices_of_feed_forward_layers_are_touched_and_only_set_to_zero(string name)
    {
        using var small = new SmallTask();
        WeightSnapshot before = WeightSnapshot.Of(small.Model);
        Find(name, small.Task).Apply(small.Model, Budget);
        IReadOnlySet<string> matrices = MlpMatrix.Names(small.Model);
        foreach (ParameterSlice slice in small.Model.Parameters.Slices)
        {
            float[] was = before[slice.Name], now = small.Model.Set[slice.Name].ToArray();
            int changed = Enumerable.Range(0, was.Length).Count(i => was[i] != now[i]);
            if (!matrices.Contains(slice.Name))
                Assert.That(changed, Is.Zero, slice.Name);
            Assert.That(now.Count(w => w == 0) - was.Count(w => w == 0), Is.EqualTo(changed), slice.Name);
        }
    }

    [TestCaseSource(nameof(Names))]
    public void The_same_seed_gives_the_same_bits_on_any_number_of_threads(string name)
    {
        using var small = new SmallTask();
        int threads = ComputeDevice.HostThreadCount;
        try
        {
            ComputeDevice.HostThreadCount = 1;
            int[] one = small.Edited(Find(name, small.Task), Budget);
            ComputeDevice.HostThreadCount = 2;
            Assert.That(small.Edited(Find(name, small.Task), Budget), Is.EqualTo(one));
        }
        finally
        {
            ComputeDevice.HostThreadCount = threads;
        }
    }

    [TestCaseSource(nameof(Names))]
    public void The_seed_matters_where_it_is_said_to(string name)
    {
        using var small = new SmallTask(forget: 5, keep: 9);
        UnlearningMethod method = MethodCatalog.Named(name);
        UnlearnTask task = small.Task with { Options = Few.With("BatchRows", 3).Of(method) };
        int[] first = small.Edited(method.Find(task, Budget), Budget);
        int[] other = small.Edited(method.Find(task with { Seed = 6 }, Budget), Budget);
        Assert.That(first.SequenceEqual(other), Is.EqualTo(!method.Seeded));
    }

    [TestCaseSource(nameof(Names))]
    public void The_reference_form_differs_where_it_is_said_to(string name)
    {
        using var small = new SmallTask();
        UnlearningMethod method = MethodCatalog.Named(name);
        UnlearnTask task = small.Task with
        {
            Options = Few.With("Epochs", 10).With("LearningRate", 3).Of(method),
        };
        int[] corrected = small.Edited(method.Find(task, Budget), Budget);
        int[] reference = small.Edited(
            method.Find(task with { Form = MethodForm.Reference }, Budget), Budget);
        Assert.That(corrected.SequenceEqual(reference), Is.EqualTo(!method.HasReferenceForm));
    }

    [TestCaseSource(nameof(Names))]
    public void Wrong_input_is_refused_in_one_line(string name)
    {
        using var small = new SmallTask();
        UnlearningMethod method = MethodCatalog.Named(name);
        Assert.That(() => method.Find(small.Task, 1.5), Throws.TypeOf<UserException>()
            .With.Message.EqualTo("a budget of 1.5; expected 0 to 1"));
        Assert.That(() => method.Find(small.Task with { Forget = [] }, Budget),
            Throws.TypeOf<UserException>().With.Message.StartWith("the forget set is empty"));
        if (method.NeedsKeep)
            Assert.That(() => method.Find(small.Task with { Keep = [] }, Budget),
                Throws.TypeOf<UserException>().With.Message.EqualTo(
                    $"{name} needs rows to keep; give some with Keep"));
    }

    static Finding Find(string name, UnlearnTask task)
        => MethodCatalog.Named(name).Find(
            task with { Options = Few.Of(MethodCatalog.Named(name)) }, Budget);
}
