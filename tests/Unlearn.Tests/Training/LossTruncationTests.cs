using HeadTap.Runtime;

namespace HeadTap.Unlearn.Tests;

public sealed class LossTruncationTests
{
    [Test]
    public void A_percentile_lies_between_two_values()
    {
        float[] values = [4, 1, 3, 2, 5];
        Assert.That(LossTruncation.Percentile(values, 0.5), Is.EqualTo(3));
        Assert.That(LossTruncation.Percentile(values, 0.9), Is.EqualTo(4.6f));
        Assert.That(LossTruncation.Percentile(values, 1), Is.EqualTo(5));
        Assert.That(LossTruncation.Percentile([7], 0.3), Is.EqualTo(7));
    }

    [Test]
    public void Nothing_is_dropped_before_the_record_is_full_and_the_cut_holds_as_long()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using var truncation = new LossTruncation(device, 0.25f, 5);
        Assert.That(truncation.Counts([9, 1, 2]), Is.All.True);
        Assert.That(truncation.CutOff, Is.EqualTo(float.PositiveInfinity));
        // Full: 9 1 2 3 4, of which the percentile 0.75 is 4.
        Assert.That(truncation.Counts([3, 4]), Is.All.True);
        Assert.That(truncation.CutOff, Is.EqualTo(4));
        // 9 is overwritten, but the cut-off is taken anew after five losses only.
        Assert.That(truncation.Counts([5, 4, 0]), Is.EqualTo((bool[])[false, true, true]));
        Assert.That(truncation.CutOff, Is.EqualTo(4));
        // 5 4 0 8 8: 8, and 8 is not above 8.
        Assert.That(truncation.Counts([8, 8]), Is.All.True);
        Assert.That(truncation.CutOff, Is.EqualTo(8));
    }

    [Test]
    public void Its_state_makes_another_go_on()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LossTruncation one = new(device, 0.25f, 4), two = new(device, 0.25f, 4);
        one.Counts([1, 2, 3, 4, 5, 6]);
        foreach (((string _, Tensor from), (string _, Tensor to)) in one.State.Zip(two.State))
            to.Upload(from.ToArray());
        Assert.That(two.Counts([7, 1, 4, 4.5f]), Is.EqualTo(one.Counts([7, 1, 4, 4.5f])));
        Assert.That(two.CutOff, Is.EqualTo(one.CutOff));
    }

    [Test]
    public void Dropped_rows_are_zeros_of_the_mean_and_move_nothing()
    {
        using var small = new SmallTask();
        using var truncation = new LossTruncation(small.Model.Device, 0.5f, 1);
        double[] losses = Losses(small);
        double cut = losses[^1]; // the record holds the last loss alone
        double expected = losses.Where(l => (float)l <= (float)cut).Sum() / losses.Length;
        Assert.That(Regularised.Step(small, truncation), Is.EqualTo(expected).Within(1e-6));
        Assert.That(losses.Count(l => l > cut), Is.InRange(1, losses.Length - 1), "some are dropped");
    }

    [TestCase(1f, 5, "Share is 1; expected 0 or more, less than 1")]
    [TestCase(0.5f, 0, "Record is 0; expected 1 or more")]
    public void Options_outside_their_range_are_refused(float share, int record, string message)
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        Assert.That(() => new LossTruncation(device, share, record),
            Throws.TypeOf<UserException>().With.Message.EqualTo(message));
    }

    static double[] Losses(SmallTask small)
    {
        using var of = new RowGradients(small.Model, MlpMatrix.Names(small.Model), 12);
        return of.RowLosses([.. small.Task.Keep]);
    }
}
