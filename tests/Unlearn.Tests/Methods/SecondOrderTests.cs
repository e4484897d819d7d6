using HeadTap.Kernels.Tests;
using HeadTap.Models;
using HeadTap.Reference;
using HeadTap.Runtime;

namespace HeadTap.Unlearn.Tests;

public sealed class SecondOrderTests
{
    // 560 = 62 blocks of 9 and one of 2; biases of 28 and 20 end in part of a block too.
    static readonly MethodSettings Few = new()
    {
        ["Gradients"] = 5, ["Block"] = 9, ["Damping"] = 1e-4f, ["BatchRows"] = 2,
    };

    [TestCase(3, 7)]
    [TestCase(5, 5)]
    [TestCase(4, 1)]
    public void The_diagonal_is_that_of_the_rank_one_updates(int block, int length)
    {
        const double damping = 1e-3;
        float[][] gradients = [.. Enumerable.Range(0, 6).Select(k => Numbers.Normal(k, length))];
        var fisher = new BlockFisher(length, block);
        foreach (float[] gradient in gradients)
            fisher.Add(gradient);
        double[] expected = UnlearningReference.InverseFisherDiagonal(
            [.. gradients.Select(Numbers.Wide)], block, damping);
        double[] found = fisher.InverseDiagonal(gradients.Length, damping);
        for (int i = 0; i < length; i++)
            Assert.That(found[i], Is.EqualTo(expected[i]).Within(1e-9 * expected[i]), $"{i}");
        Assert.That(BlockFisher.Bytes(length, block), Is.EqualTo(8 * Enumerable.Range(0, length)
            .GroupBy(i => i / block).Sum(b => b.Count() * (b.Count() + 1) / 2)));
    }

    [Test]
    public void One_gradient_of_one_block_by_hand()
    {
        var fisher = new BlockFisher(2, 2);
        fisher.Add([1, 2]);
        // F = [[1 + 1, 2], [2, 4 + 1]], its determinant 6, its inverse's diagonal [5, 2] / 6.
        Assert.That(fisher.InverseDiagonal(1, 1), Is.EqualTo((double[])[5 / 6.0, 2 / 6.0]).Within(1e-15));
    }

    [TestCase(MethodForm.Corrected)]
    [TestCase(MethodForm.Reference)]
    public void Scores_are_those_of_float64(MethodForm form)
    {
        using var small = new SmallTask();
        UnlearnTask task = small.Task with { Form = form, Options = Few };
        var finding = (WeightFinding)new SecondOrder().Find(task, 0.1);
        Assert.That(finding.Scores.Select(s => s.Parameter), Is.EqualTo(form == MethodForm.Corrected
            ? small.Matrices.Select(m => m.Name)
            : small.Model.Parameters.Match("h.*.mlp.*").Select(s => s.Name)));
        Dictionary<string, double[]>[] gradients = Batches(task).Select(batch =>
            UnlearningReference.Mean(small.Test.Sizes, small.Test.Exact, batch).Parameters).ToArray();
        foreach ((string name, float[] scores) in finding.Scores)
        {
            double[][] of = [.. gradients.Select(g => g[name])];
            if (form == MethodForm.Reference)
                of = [.. of.Select((_, k) => of.Take(k + 1).Aggregate((a, b) =>
                    [.. a.Zip(b, (x, y) => x + y)]))];
            double[] diagonal = UnlearningReference.InverseFisherDiagonal(of, 9, 1e-4f);
            double[] exact = [.. small.Test.Exact[name].Select((w, i) => w * w / (2 * diagonal[i]))];
            for (int i = 0; i < exact.Length; i++)
                Assert.That(scores[i], Is.EqualTo(exact[i]).Within(1e-3 * exact[i]), $"{name}[{i}]");
        }
    }

    [Test]
    public void Parameters_that_do_not_fit_together_come_one_after_the_other_with_the_same_scores()
    {
        using var small = new SmallTask(forget: 5);
        UnlearnTask task = small.Task with { Options = Few };
        long one = BlockFisher.Bytes(560, 9);
        var shares = new List<double>();
        var together = (WeightFinding)new SecondOrder().Find(task, 0.1);
        var apart = (WeightFinding)new SecondOrder(one).Find(task with { Progress = shares.Add }, 0.1);
        Assert.That(apart.Scores.Select(s => s.Scores), Is.EqualTo(together.Scores.Select(s => s.Scores)));
        Assert.That(shares, Is.Ordered.And.All.InRange(0, 1));
        Assert.That(shares, Has.Count.EqualTo(4 * 5 + 1));
        Assert.That(() => new SecondOrder(one - 1).Find(task, 0.1), Throws.TypeOf<UserException>()
            .With.Message.Matches(@"^second-order needs \d+\.\d KiB of the host's memory for the Fisher "
            + @"blocks of h\.0\.mlp\.c_fc\.weight alone, and may take .* KiB; "
            + "try a smaller Block than 9$"));
    }

    [TestCase("gradients", "Gradients is 0; expected 1 or more")]
    [TestCase("block", "Block is 0; expected 1 or more")]
    [TestCase("damping", "Damping is 0; expected a number above 0")]
    public void Options_outside_their_range_are_refused(string option, string message)
    {
        using var small = new SmallTask();
        MethodSettings options = option switch
        {
            "gradients" => Few.With("Gradients", 0),
            "block" => Few.With("Block", 0),
            _ => Few.With("Damping", 0),
        };
        Assert.That(() => new SecondOrder().Find(small.Task with { Options = options }, 0.1),
            Throws.TypeOf<UserException>().With.Message.EqualTo(message));
    }

    // Five batches of the three rows in twos: two epochs and the first of a third.
    static IEnumerable<int[][]> Batches(UnlearnTask task)
    {
        SeededRandom order = RowMix.Order(task.Seed);
        return [.. Enumerable.Range(0, 3).SelectMany(_ =>
            (int[][][])[.. RowMix.Shuffled(task.Forget, 2, order)]).Take(5)];
    }
}
