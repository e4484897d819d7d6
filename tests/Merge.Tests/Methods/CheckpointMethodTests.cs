using HeadTap.Reference;
using HeadTap.Runtime;

namespace HeadTap.Merge.Tests;

/// <summary>Means over the checkpoints of a run.</summary>
public class CheckpointMethodTests
{
    static readonly float[][] s_run = [.. Enumerable.Range(1, 8).Select(m => Tensors.Normal(m, 501))];
    static readonly double[][] s_wide = [.. s_run.Select(Tensors.Wide)];
    static readonly HeldTensor s_tensor = new("w", [501], s_run);

    static double[] MeanOf(params int[] models)
        => [.. Enumerable.Range(0, 501).Select(i => models.Average(m => s_wide[m][i]))];

    [Test]
    public void A_uniform_soup_is_the_mean()
    {
        Tensors.AssertRounded(new UniformSoup().Merged(s_tensor), MeanOf(0, 1, 2, 3, 4, 5, 6, 7));
        var equal = new HeldTensor("w", [501], [s_run[0], s_run[0], s_run[0]]);
        Assert.That(new UniformSoup().Merged(equal), Is.EqualTo(s_run[0]));
    }

    [Test]
    public void Swa_takes_every_so_many_from_one_on()
    {
        Tensors.AssertRounded(new Swa().Merged(s_tensor), MeanOf(0, 1, 2, 3, 4, 5, 6, 7));
        Tensors.AssertRounded(new Swa().Merged(s_tensor,
            new TensorSettings().With(Swa.Start, 1).With(Swa.Every, 3)), MeanOf(1, 4, 7));
        Assert.That(new Swa().Merged(s_tensor, new TensorSettings().With(Swa.Start, 7)),
            Is.EqualTo(s_run[7]));
        Assert.That(() => new Swa().Merged(s_tensor, new TensorSettings().With(Swa.Start, 8)),
            Throws.TypeOf<UserException>().With.Message.Contains("start is 8 of 8 checkpoints, from 0"));
    }

    [TestCase(0.9), TestCase(0.25), TestCase(0.0), TestCase(1.0)]
    public void Ema_is_the_recursion(double decay)
    {
        double[] average = s_wide[0];
        foreach (double[] checkpoint in s_wide.Skip(1))
            average = MergeReference.Sum([average, checkpoint], [decay, 1 - decay]);
        Tensors.AssertRounded(
            new Ema().Merged(s_tensor, new TensorSettings().With(Ema.Decay, decay)), average);
        if (decay is 0 or 1)
            Assert.That(new Ema().Merged(s_tensor, new TensorSettings().With(Ema.Decay, decay)),
                Is.EqualTo(s_run[decay == 0 ? 7 : 0]));
    }

    [Test]
    public void Lawa_takes_the_last_and_all_of_fewer()
    {
        Tensors.AssertRounded(new Lawa().Merged(s_tensor), MeanOf(2, 3, 4, 5, 6, 7));
        Tensors.AssertRounded(
            new Lawa().Merged(s_tensor, new TensorSettings().With(Lawa.Latest, 2)), MeanOf(6, 7));
        Tensors.AssertRounded(new Lawa().Merged(s_tensor, new TensorSettings().With(Lawa.Latest, 99)),
            MeanOf(0, 1, 2, 3, 4, 5, 6, 7));
    }

    [Test]
    public void Numbers_of_checkpoints_are_whole()
        => Assert.That(() => Lawa.Latest.Checked(1.5), Throws.TypeOf<UserException>()
            .With.Message.EqualTo("k is 1.5; expected a whole number, 1 or more"));
}
