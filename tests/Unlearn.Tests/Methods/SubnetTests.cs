using HeadTap.Kernels.Tests;
using HeadTap.Models;
using HeadTap.Reference;
using HeadTap.Runtime;

namespace HeadTap.Unlearn.Tests;

public sealed class SubnetTests
{
    const double Budget = 0.3;

    static readonly SgdStep Sgd = new(0.1f, 0.9f, 0f, 5e-4f, false, false);

    [Test]
    public void First_scores_are_uniform_within_one_over_the_root_of_the_second_dimension()
    {
        var matrix = new ParameterSlice("h.0.mlp.c_fc.weight", [200, 64], 11, 12800);
        float[] scores = Supermask.FirstScores(matrix, 3);
        Assert.That(scores.Max(), Is.InRange(0.1249f, 0.125f), "1 / sqrt(64)");
        Assert.That(scores.Min(), Is.InRange(-0.125f, -0.1249f));
        Assert.That(scores.Average(), Is.EqualTo(0).Within(0.125 / Math.Sqrt(3 * 12800) * 4), "4 deviations");
        Assert.That(scores.Average(s => s * s), Is.EqualTo(0.125 * 0.125 / 3).Within(2e-4));
        Assert.That(Supermask.FirstScores(matrix, 3), Is.EqualTo(scores));
        Assert.That(Supermask.FirstScores(matrix, 4), Is.Not.EqualTo(scores));
    }

    [TestCase("cpu512")]
    [TestCase("opencl")]
    public void Scores_are_trained_as_exactly_as_float32_allows(string device)
    {
        using var small = new SmallTask(device);
        Dictionary<string, double[]> exact = Trained(small, small.Test.Exact);
        Dictionary<string, float[]> plain = Trained(small, small.Test.Plain);
        using var mask = new Supermask(small.Model, 5, Budget);
        using (var rows = new RowGradients(small.Model, MlpMatrix.Names(small.Model), 12))
            for (int step = 0; step < 3; step++)
            {
                mask.Apply();
                rows.Clear();
                rows.AddMean(small.Task.Forget, -1);
                mask.Step(rows.Gradients, Sgd);
            }
        Agreement.PassAtMostTwiceFloat32(small.Matrices.Select(m => (m.Name,
            exact[m.Name], plain[m.Name], mask.Scores(m.Name))));
    }

    [Test]
    public void The_budget_of_every_matrix_is_removed_and_nothing_else_is_touched()
    {
        using var small = new SmallTask();
        WeightSnapshot before = WeightSnapshot.Of(small.Model);
        Finding finding = new Subnet().Find(small.Task with { Options = new() { ["Epochs"] = 2 } }, Budget);
        finding.Apply(small.Model, Budget);
        foreach (MlpMatrix matrix in small.Matrices)
        {
            float[] was = before[matrix.Name], now = matrix.Weight.ToArray();
            Assert.That(now.Count(w => w == 0), Is.EqualTo((int)(was.Length * Budget)), matrix.Name);
            Assert.That(now.Zip(was).All(p => p.First == 0 || p.First == p.Second), Is.True, matrix.Name);
            before[matrix.Name].CopyTo(now, 0);
            matrix.Weight.Upload(now);
        }
        Assert.That(MlpChanges.Between(before, small.Model).Total, Is.Zero);
    }

    [Test]
    public void Trained_masks_forget_more_than_random_ones()
    {
        using var small = new SmallTask();
        Finding random = new RandomPruning().Find(small.Task, Budget);
        Finding trained = new Subnet().Find(small.Task, Budget);
        Assert.That(LossAfter(small, trained), Is.GreaterThan(LossAfter(small, random)));
    }

    [Test]
    public void Without_an_epoch_it_is_random_pruning()
    {
        using var small = new SmallTask();
        Finding subnet = new Subnet().Find(small.Task with { Options = new() { ["Epochs"] = 0 } }, Budget);
        Finding random = new RandomPruning().Find(small.Task, Budget);
        Assert.That(small.Edited(subnet, Budget), Is.EqualTo(small.Edited(random, Budget)));
        Assert.That(small.Edited(subnet, Budget), Is.Not.EqualTo(SmallTask.Bits(small.Model)));
    }

    [Test]
    public void Masks_hold_for_the_budget_they_were_trained_for()
    {
        using var small = new SmallTask();
        Finding finding = new Subnet().Find(small.Task with { Options = new() { ["Epochs"] = 1 } }, Budget);
        Assert.That(() => finding.Apply(small.Model, 0.2), Throws.ArgumentException
            .With.Message.Contains("trained for a budget of 0.3, not 0.2"));
    }

    [TestCase("epochs", "Epochs is -1; expected 0 or more")]
    [TestCase("rows", "BatchRows is 0; expected 1 or more")]
    [TestCase("rate", "LearningRate is NaN; expected a number above 0")]
    [TestCase("momentum", "Momentum is 1; expected 0 or more, less than 1")]
    public void Options_outside_their_range_are_refused(string option, string message)
    {
        using var small = new SmallTask();
        MethodSettings options = option switch
        {
            "epochs" => new() { ["Epochs"] = -1 },
            "rows" => new() { ["BatchRows"] = 0 },
            "rate" => new() { ["LearningRate"] = float.NaN },
            _ => new() { ["Momentum"] = 1 },
        };
        Assert.That(() => new Subnet().Find(small.Task with { Options = options }, Budget),
            Throws.TypeOf<UserException>().With.Message.EqualTo(message));
    }

    static double LossAfter(SmallTask small, Finding finding)
    {
        WeightSnapshot before = WeightSnapshot.Of(small.Model);
        finding.Apply(small.Model, Budget);
        double loss = small.Loss(small.Task.Forget);
        before.Restore(small.Model);
        return loss;
    }

    static Dictionary<string, T[]> Trained<T>(SmallTask small, IReadOnlyDictionary<string, T[]> parameters)
        where T : System.Numerics.IFloatingPointIeee754<T>
    {
        Dictionary<string, T[]> scores = small.Matrices.ToDictionary(m => m.Name, m => Array.ConvertAll(
            Supermask.FirstScores(small.Model.Parameters[m.Name], 5), s => T.CreateChecked(s)));
        Dictionary<string, T[]> momenta = scores.ToDictionary(s => s.Key, s => new T[s.Value.Length]);
        for (int step = 0; step < 3; step++)
        {
            var masked = new Dictionary<string, T[]>(parameters);
            foreach ((string name, T[] s) in scores)
                masked[name] = UnlearningReference.MaskLowest(
                    s, parameters[name], (int)(s.Length * Budget));
            ParameterGradients<T> mean = UnlearningReference.Mean(
                small.Test.Sizes, masked, small.Task.Forget);
            foreach ((string name, T[] s) in scores)
                UnlearningReference.SupermaskStep(s, momenta[name],
                    Array.ConvertAll(mean.Parameters[name], g => -g), parameters[name],
                    0.1f, 0.9f, 5e-4f, step == 0);
        }
        return scores;
    }
}
