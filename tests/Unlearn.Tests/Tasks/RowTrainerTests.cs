using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn.Tests;

public sealed class RowTrainerTests
{
    static readonly AdamWOptions Optimizer = new()
    {
        LearningRate = 1e-2f, WeightDecay = 0.1f, DecayOnlyMatrices = false, Beta2 = 0.98f,
    };

    [Test]
    public void An_epoch_has_every_row_once_in_an_order_of_its_own()
    {
        using var c = new MethodCase();
        using var trainer = new RowTrainer(c.Model, Optimizer, 4, 12, 3);
        int[][] first = [.. trainer.Epoch(0, 10)], second = [.. trainer.Epoch(1, 10)];
        Assert.That(first.Select(b => b.Length), Is.EqualTo((int[])[4, 4, 2]));
        Assert.That(trainer.StepsIn(10), Is.EqualTo(3));
        Assert.That(first.SelectMany(b => b), Is.EquivalentTo(Enumerable.Range(0, 10)));
        Assert.That(first.SelectMany(b => b), Is.Not.EqualTo(second.SelectMany(b => b)));
        Assert.That(trainer.Epoch(0, 10), Is.EqualTo(first));
        using var other = new RowTrainer(c.Model, Optimizer, 4, 12, 4);
        Assert.That(other.Epoch(0, 10), Is.Not.EqualTo(first));
    }

    [Test]
    public void A_step_is_AdamW_along_the_mean_over_all_positions_of_its_rows()
    {
        using var c = new MethodCase();
        Dictionary<string, float[]> before = c.Weights();
        using (var trainer = new RowTrainer(c.Model, Optimizer, 3, 12, 3))
        {
            double loss = trainer.Learn(c.Task.Forget);
            Assert.That(loss, Is.EqualTo(c.Loss(c.Task.Forget)).Within(1e-5));
            trainer.Learn(c.Task.Keep);
            Assert.That(trainer.Steps, Is.EqualTo(2));
        }
        Dictionary<string, float[]> after = c.Weights();
        c.Restore(before);
        TwoSteps(c);
        Assert.That(c.Changed(after), Is.Empty);
        Assert.That(c.Changed(before), Has.Length.EqualTo(before.Count));
    }

    [Test]
    public void What_is_not_trained_stays_and_a_loss_that_is_no_number_stops_it()
    {
        using var c = new MethodCase();
        Dictionary<string, float[]> before = c.Weights();
        string[] only = ["h.1.mlp.c_proj.weight", "h.0.attn.c_attn.bias"];
        using var trainer = new RowTrainer(c.Model, Optimizer, 3, 12, 3, only.ToHashSet());
        trainer.Learn(c.Task.Forget);
        Assert.That(c.Changed(before), Is.EquivalentTo(only));
        Dictionary<string, float[]> then = c.Weights();
        Assert.That(() => trainer.Step(double.NaN), Throws.TypeOf<UserException>()
            .With.Message.EqualTo("step 2: the loss is NaN; try a lower learning rate"));
        Assert.That(c.Changed(then), Is.Empty);
        Assert.That(() => new RowTrainer(c.Model, Optimizer, 0, 12, 3), Throws.TypeOf<UserException>()
            .With.Message.EqualTo("BatchRows is 0; expected 1 or more"));
        Assert.That(() => new RowTrainer(c.Model, Optimizer with { LearningRate = -1 }, 1, 12, 3),
            Throws.TypeOf<UserException>().With.Message.Contains("learning_rate"));
    }

    // The same by the ops themselves.
    static void TwoSteps(MethodCase c)
    {
        using var arena = new TensorArena(c.Model.Device, 3 * c.Model.Parameters.TotalLength + 256, "steps");
        var gradients = new ParameterGradients(arena, c.Model.Parameters);
        FlatParameters m = new(arena, c.Model.Parameters), v = new(arena, c.Model.Parameters);
        using var session = new ModelSession(c.Model,
            new SessionOptions { MaxRows = 4, MaxTokens = 12, Backward = true });
        foreach ((IReadOnlyList<int[]> rows, int step) in new[] { (c.Task.Forget, 1), (c.Task.Keep, 2) })
        {
            gradients.Clear(c.Model.Ops);
            var batch = new SequenceBatch([.. rows]);
            session.ForwardBackward(batch, batch.NextTokens(), gradients,
                (float)(1.0 / rows.Sum(r => r.Length - 1)));
            foreach (string name in c.Model.Parameters.Slices.Select(s => s.Name))
                c.Model.Ops.AdamW(gradients.Set[name], c.Model.Set[name], m[name], v[name],
                    new AdamWStep(1e-2f, 0.9f, 0.98f, 1e-8f, 0.1f, step));
        }
    }
}
