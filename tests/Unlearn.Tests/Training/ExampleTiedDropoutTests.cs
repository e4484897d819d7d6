using HeadTap.Runtime;

namespace HeadTap.Unlearn.Tests;

public sealed class ExampleTiedDropoutTests
{
    [Test]
    public void A_share_is_always_on_and_others_with_the_probability_the_same_for_an_example()
    {
        using var dropout = new ExampleTiedDropout(0.2f, 0.1f, MethodForm.Corrected, 3);
        bool[][] on = [.. Enumerable.Range(0, 200).Select(example => dropout.On(100, 1, example))];
        Assert.That(on.All(o => o[..20].All(x => x)), Is.True);
        Assert.That(on.Average(o => o[20..].Count(x => x)), Is.EqualTo(8).Within(0.8));
        Assert.That(dropout.On(100, 1, 7), Is.EqualTo(on[7]));
        Assert.That(dropout.On(100, 2, 7), Is.Not.EqualTo(on[7]));
        Assert.That(on[8], Is.Not.EqualTo(on[7]));
    }

    [Test]
    public void Training_runs_with_the_neurons_of_each_example_and_without_trace_afterwards()
    {
        using var small = new SmallTask();
        using var dropout = new ExampleTiedDropout(0.2f, 0.3f, MethodForm.Corrected, 3);
        int[][] keep = [.. small.Task.Keep];
        double expected = 0, positions = keep.Sum(r => r.Length - 1);
        for (int example = 0; example < keep.Length; example++)
        {
            int at = example;
            expected += small.Loss([keep[example]], (site, values) => Ends(site, "mlp.hook_post")
                ? [.. values.Select((x, i) => dropout.On(28, site[7] - '0', at)[i % 28] ? x : 0)] : values)
                * (keep[example].Length - 1) / positions;
        }
        int[] before = SmallTask.Bits(small.Model);
        Assert.That(Regularised.Step(small, dropout), Is.EqualTo(expected).Within(1e-5));
        Assert.That(small.Model.Edits, Is.Empty);
        Assert.That(SmallTask.Bits(small.Model), Is.Not.EqualTo(before), "it learns");
    }

    [Test]
    public void Evaluation_is_in_the_weights_and_ends()
    {
        using var small = new SmallTask();
        using var dropout = new ExampleTiedDropout(0.2f, 0.1f, MethodForm.Corrected, 3);
        int[] before = SmallTask.Bits(small.Model);
        double expected = small.Loss(small.Task.Keep, (site, values) => Ends(site, "mlp.hook_post")
            ? [.. values.Select((x, i) => i % 28 < 5 ? 1.5 * x : 0)] : values);
        using (dropout.ForEvaluation(small.Model))
            Assert.That(small.Loss(small.Task.Keep), Is.EqualTo(expected).Within(1e-5));
        Assert.That(SmallTask.Bits(small.Model), Is.EqualTo(before));
    }

    [Test]
    public void The_reference_switches_positions_and_leaves_all_but_the_first_batch_without_layers()
    {
        using var small = new SmallTask();
        using var dropout = new ExampleTiedDropout(0.3f, 0.2f, MethodForm.Reference, 3);
        int[][] rows = [.. small.Task.Keep];
        using var trainer = Regularised.Trainer(small, rows: 2);
        int[] first = trainer.Epoch(0, rows.Length).First();
        int[] later = [.. Enumerable.Range(0, rows.Length).Except(first).Take(2)];
        double expected = small.Loss([.. later.Select(i => rows[i])], (site, values) =>
            Ends(site, "hook_mlp_out") ? new double[values.Length] : values);
        Assert.That(dropout.Learn(trainer, rows, later), Is.EqualTo(expected).Within(1e-5));
        using (dropout.ForEvaluation(small.Model))
            Assert.That(small.Model.Edits, Has.Count.EqualTo(2));
        Assert.That(small.Model.Edits, Is.Empty);
    }

    [TestCase(0f, 0.1f, "Share is 0; expected more than 0, at most 1")]
    [TestCase(0.2f, 1.5f, "Probability is 1.5; expected 0 to 1")]
    public void Options_outside_their_range_are_refused(float share, float probability, string message)
        => Assert.That(() => new ExampleTiedDropout(share, probability, MethodForm.Corrected, 1),
            Throws.TypeOf<UserException>().With.Message.EqualTo(message));

    static bool Ends(string site, string name) => site.EndsWith(name, StringComparison.Ordinal);
}
