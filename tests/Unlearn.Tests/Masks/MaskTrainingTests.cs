using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn.Tests;

public sealed class MaskTrainingTests
{
    static readonly MaskTraining[] Both = [new Slimming(), new HardConcrete()];

    [Test]
    public void Gradients_agree_with_differences([Values(0, 1)] int which)
    {
        using var c = new MethodCase();
        MaskTraining method = Both[which];
        (double[][] at, double[][] found) = (Parameters(c, which), NeuronMethod.PerNeuron(c.Model.Config));
        using (var loss = new NeuronMask(c.Model, 12))
        {
            double value = method.AddGradient(loss, c.Task.Forget, at, found, 3, new SeededRandom(5));
            Assert.That(value, Is.EqualTo(Loss(c, method, at)).Within(1e-5));
        }
        double largest = found.Max(layer => layer.Max(Math.Abs));
        foreach ((int l, int i) in new[] { (0, 0), (0, 13), (1, 2), (1, 27) })
        {
            const double h = 1e-6;
            double was = at[l][i];
            at[l][i] = was + h;
            double up = Loss(c, method, at);
            at[l][i] = was - h;
            double down = Loss(c, method, at);
            at[l][i] = was;
            Assert.That(found[l][i], Is.EqualTo((up - down) / (2 * h)).Within(1e-4 * largest), $"{l}, {i}");
        }
    }

    [Test]
    public void A_coefficient_outside_of_0_to_1_feels_its_penalty_alone()
    {
        using var c = new MethodCase();
        (double[][] at, double[][] found) = (Parameters(c, 0), NeuronMethod.PerNeuron(c.Model.Config));
        (at[0][3], at[1][4]) = (-0.2, 1.3);
        using var loss = new NeuronMask(c.Model, 12);
        new Slimming().AddGradient(loss, c.Task.Forget, at, found, 3, new SeededRandom(5));
        Assert.That(found[0][3], Is.EqualTo(-3.0 / 56));
        Assert.That(found[1][4], Is.EqualTo(3.0 / 56));
    }

    [Test]
    public void Forms_differ_where_an_epoch_has_several_steps_and_nowhere_else([Values(0, 1)] int which)
    {
        using var c = new MethodCase();
        double[] Scores(MethodForm form, int batch, int epochs) =>
        [
            .. Both[which].Scores(c.Task with
            {
                Form = form,
                Options = new() { ["BatchRows"] = batch, ["Epochs"] = epochs, ["Lambda"] = 0.5f },
            }).SelectMany(s => s),
        ];
        Assert.That(Scores(MethodForm.Reference, 3, 3), Is.EqualTo(Scores(MethodForm.Corrected, 3, 3)));
        Assert.That(Scores(MethodForm.Reference, 1, 3), Is.Not.EqualTo(Scores(MethodForm.Corrected, 1, 3)));
    }

    [Test]
    public void It_ends_when_the_penalty_is_below_a_tenth([Values(0, 1)] int which)
    {
        using var c = new MethodCase();
        int Epochs(MethodForm form)
        {
            int steps = 0;
            Both[which].Scores(c.Task with
            {
                Form = form, Progress = _ => steps++, Options = new() { ["Epochs"] = 120 },
            });
            return steps;
        }
        int corrected = Epochs(MethodForm.Corrected), reference = Epochs(MethodForm.Reference);
        Assert.That(corrected, Is.InRange(5, 60));
        int every = which == 0 ? 100 : 10; // tested before the epoch's step
        Assert.That(reference % every, Is.EqualTo(every - 1).Or.EqualTo(120 % every));
        Assert.That(reference, Is.GreaterThanOrEqualTo(corrected));
    }

    [Test]
    public void What_the_forget_set_needs_stays_open()
    {
        using var c = new MethodCase();
        UnlearnTask task = c.Task with { Options = new() { ["Epochs"] = 40, ["Lambda"] = 0.05f } };
        double[][] found = new Slimming().Scores(task), zero = new ZeroOut().Scores(task);
        int[] most = [.. Enumerable.Range(0, 28).OrderByDescending(i => zero[1][i]).Take(5)];
        int[] least = [.. Enumerable.Range(0, 28).OrderBy(i => zero[1][i]).Take(5)];
        Assert.That(most.Average(i => found[1][i]), Is.GreaterThan(least.Average(i => found[1][i])));
    }

    [Test]
    public void Options_out_of_range_are_one_line([Values(0, 1)] int which)
    {
        using var c = new MethodCase();
        string Line(MethodSettings options) => Assert.Throws<UserException>(
            () => Both[which].Find(c.Task with { Options = options }, 0.1))!.Message;
        Assert.That(Line(new() { ["Epochs"] = 0 }), Is.EqualTo("Epochs is 0; expected 1 or more"));
        Assert.That(Line(new() { ["BatchRows"] = 0 }), Does.StartWith("BatchRows is 0"));
        Assert.That(Line(new() { ["Lambda"] = -1 }), Does.StartWith("Lambda is -1"));
        Assert.That(Line(new() { ["LearningRate"] = float.NaN }), Does.StartWith("LearningRate is NaN"));
    }

    // Slimming's inside of (0, 1), so that no difference meets an end.
    static double[][] Parameters(MethodCase c, int which)
    {
        var random = new SeededRandom(9);
        return [.. NeuronMethod.PerNeuron(c.Model.Config).Select(layer => Array.ConvertAll(layer, _ =>
            which == 0 ? 0.2 + 0.7 * random.NextDouble() : random.NextNormal()))];
    }

    static double Loss(MethodCase c, MaskTraining method, double[][] at)
    {
        var random = new SeededRandom(5);
        double[][] masks = [.. at.Select(layer => Array.ConvertAll(layer, p => method.Mask(p, random).Mask))];
        return c.Loss(c.Task.Forget, hook: (name, a) => name.EndsWith("mlp.hook_post")
                ? [.. a.Select((x, t) => x * masks[name[7] - '0'][t % 28])] : a)
            + 3 * at.SelectMany(layer => layer).Average(p => method.Penalty(p).Value);
    }
}
