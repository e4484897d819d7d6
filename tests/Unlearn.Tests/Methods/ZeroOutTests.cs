using System.Numerics;
using HeadTap.Kernels.Tests;
using HeadTap.Reference;
using HeadTap.Runtime;

namespace HeadTap.Unlearn.Tests;

public sealed class ZeroOutTests
{
    [Test]
    public void A_score_is_what_zeroing_the_neuron_does_to_the_loss(
        [Values] MethodForm form, [Values] Activation activation)
        => Check(form, activation, "cpu512");

    [Test]
    public void The_same_on_a_device([Values] MethodForm form) => Check(form, Activation.Relu, "opencl");

    [Test]
    public void A_neuron_that_never_fires_costs_nothing_and_scores_exactly_0()
    {
        using var c = new MethodCase();
        float[] bias = c.Model.Set["h.1.mlp.c_fc.bias"].ToArray();
        bias[5] = bias[17] = -1000;
        c.Model.Set["h.1.mlp.c_fc.bias"].Upload(bias);
        double[] scores = new ZeroOut().Scores(c.Task)[1];
        Assert.That((scores[5], scores[17]), Is.EqualTo((0.0, 0.0)));
        Assert.That(scores.Count(s => s == 0), Is.LessThan(28));
        // Kept alone, one that never fires is as good as any other that never fires.
        double[] alone = new ZeroOut().Scores(c.Task with { Form = MethodForm.Reference })[1];
        Assert.That(alone[5], Is.EqualTo(alone[17]).And.Not.EqualTo(0.0));
    }

    [Test]
    public void Rows_of_unequal_length_share_passes_of_any_size()
    {
        using var c = new MethodCase();
        UnlearnTask task = c.Task with { Forget = [[1, 2, 3, 4, 5, 6, 7, 8], [9, 8, 7], [3, 1, 4, 1, 5]] };
        // 3 rows of 8 tokens in a pass, and 28 neurons: a shorter row must not ask for more.
        double[][] few = new ZeroOut { TokensInPass = 24 }.Scores(task), many = new ZeroOut().Scores(task);
        Assert.That(few, Is.EqualTo(many));
    }

    [Test]
    public void The_highest_of_each_layer_are_removed_and_nothing_else()
    {
        using var c = new MethodCase();
        double[][] scores = new ZeroOut().Scores(c.Task);
        Dictionary<string, float[]> before = c.Weights();
        new ZeroOut().Find(c.Task, 0.11).Apply(c.Model, 0.11); // 3 of 28
        Dictionary<string, float[]> after = c.Weights();
        for (int l = 0; l < 2; l++)
        {
            int[] removed = [.. Enumerable.Range(0, 28).OrderByDescending(i => scores[l][i]).Take(3)];
            string weight = $"h.{l}.mlp.c_fc.weight", bias = $"h.{l}.mlp.c_fc.bias";
            for (int at = 0; at < before[weight].Length; at++)
                Assert.That(after[weight][at],
                    Is.EqualTo(removed.Contains(at % 28) ? 0 : before[weight][at]));
            for (int at = 0; at < 28; at++)
                Assert.That(after[bias][at], Is.EqualTo(removed.Contains(at) ? 0 : before[bias][at]));
        }
        Assert.That(c.Changed(before), Has.Length.EqualTo(4));
    }

    static void Check(MethodForm form, Activation activation, string device)
    {
        using var c = new MethodCase(MethodCase.Relu with { Activation = activation }, device);
        double[] found = [.. new ZeroOut().Scores(c.Task with { Form = form }).SelectMany(s => s)];
        bool keep = form == MethodForm.Reference;
        double[] exact = Scores(c, c.Exact, keep);
        float[] plain = Scores(c, Gpt2Reference.Convert<float>(c.Weights()), keep);
        Agreement.AtMostTwiceFloat32($"{form} {activation}", exact, plain,
            Array.ConvertAll(found, s => (float)s));
    }

    static TReal[] Scores<TReal>(MethodCase c, IReadOnlyDictionary<string, TReal[]> weights, bool keep)
        where TReal : IFloatingPointIeee754<TReal>
    {
        int I = c.Model.Config.Inner;
        IReadOnlyList<int[]> rows = c.Task.Forget;
        TReal loss = c.Mean(rows, weights);
        return [.. Enumerable.Range(0, 2 * I).Select(n => c.Mean(rows, weights, (name, a) =>
            name != $"blocks.{n / I}.mlp.hook_post" ? a
                : [.. a.Select((x, at) => (at % I == n % I) == keep ? x : TReal.Zero)]) - loss)];
    }
}
