using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn.Tests;

public sealed class BalancedSubnetTests
{
    const double Budget = 0.3;

    [TestCase(3, 7, 4)]
    [TestCase(1, 20, 4)]
    [TestCase(13, 5, 6)]
    [TestCase(2, 2, 64)]
    public void Every_batch_has_both_sides_and_an_epoch_every_row(int forget, int keep, int rows)
    {
        using var small = new SmallTask(forget: forget, keep: keep);
        var mix = new RowMix(small.Task, rows);
        RowBatch[] batches = [.. mix.Proportional()];
        Assert.That(batches, Has.Length.EqualTo(mix.Steps));
        Assert.That(mix.Steps, Is.EqualTo((int)Math.Ceiling((forget + keep) / (double)rows)));
        Assert.That(batches.All(b => b.Forget.Count > 0 && b.Keep.Count > 0), Is.True);
        Assert.That(batches.SelectMany(b => b.Forget).Distinct(), Is.EquivalentTo(small.Task.Forget));
        Assert.That(batches.SelectMany(b => b.Keep).Distinct(), Is.EquivalentTo(small.Task.Keep));
        Assert.That(batches.All(b => b.Forget.Count + b.Keep.Count <= rows + 2), Is.True);
    }

    [Test]
    public void The_shuffled_whole_has_every_row_once_in_another_order_each_epoch()
    {
        using var small = new SmallTask(forget: 5, keep: 9);
        var mix = new RowMix(small.Task, 4);
        RowBatch[] first = [.. mix.Shuffled()], second = [.. mix.Shuffled()];
        Assert.That(first.Select(b => b.Forget.Count + b.Keep.Count), Is.EqualTo((int[])[4, 4, 4, 2]));
        Assert.That(first.SelectMany(b => b.Forget), Is.EquivalentTo(small.Task.Forget));
        Assert.That(first.SelectMany(b => b.Keep), Is.EquivalentTo(small.Task.Keep));
        Assert.That(second.SelectMany(b => b.Keep), Is.Not.EqualTo(first.SelectMany(b => b.Keep)));
    }

    [Test]
    public void The_keep_side_lacks_what_is_forgotten_and_in_the_reference_holds_it()
    {
        using var small = new SmallTask();
        int[] twin = [.. small.Task.Forget[1]];
        UnlearnTask task = small.Task with { Keep = [.. small.Task.Keep, twin] };
        Assert.That(Kept(task), Is.EquivalentTo(small.Task.Keep));
        task = task with { Form = MethodForm.Reference };
        Assert.That(Kept(task), Is.EquivalentTo(small.Task.Keep.Concat(small.Task.Forget)));
        task = small.Task with { Keep = [small.Task.Forget[0]] };
        Assert.That(() => new RowMix(task, 4), Throws.TypeOf<UserException>().With.Message.EqualTo(
            "every one of the 1 sequence to keep is one to forget; expected some that are not"));

        static IEnumerable<int[]> Kept(UnlearnTask task)
            => new RowMix(task, 64).Proportional().SelectMany(b => b.Keep);
    }

    [Test]
    public void It_forgets_at_less_cost_than_subnet()
    {
        using var small = new SmallTask();
        (double forget, double keep) = Losses(new Subnet());
        (double balancedForget, double balancedKeep) = Losses(new BalancedSubnet());
        (double randomForget, double randomKeep) = Losses(new RandomPruning());
        Assert.That(balancedKeep, Is.LessThan(keep).And.LessThan(randomKeep));
        Assert.That(balancedForget, Is.LessThan(forget), "the scale weighs the keep side more");

        (double, double) Losses(UnlearningMethod method)
        {
            Finding finding = method.Find(small.Task, Budget);
            WeightSnapshot before = WeightSnapshot.Of(small.Model);
            finding.Apply(small.Model, Budget);
            (double, double) losses = (small.Loss(small.Task.Forget), small.Loss(small.Task.Keep));
            before.Restore(small.Model);
            return losses;
        }
    }

    [Test]
    public void With_all_weight_on_one_side_it_is_that_sides_mean()
    {
        // Batches hold everything, so alpha 0 is Subnet, which never looks at the keep side.
        using var small = new SmallTask();
        UnlearnTask task = small.Task with { Options = new() { ["Alpha"] = 0, ["Epochs"] = 3 } };
        int[] balanced = small.Edited(new BalancedSubnet().Find(task, Budget), Budget);
        UnlearnTask plain = small.Task with { Options = new() { ["Epochs"] = 3 } };
        int[] subnet = small.Edited(new Subnet().Find(plain, Budget), Budget);
        Assert.That(balanced.Zip(subnet).Count(p => p.First != p.Second), Is.LessThanOrEqualTo(4),
            "rows are summed in another order, which may turn a rank");
    }

    [Test]
    public void The_reference_says_which_batch_would_poison_the_scores()
    {
        using var small = new SmallTask(forget: 1, keep: 12);
        UnlearnTask task = small.Task with
        {
            Form = MethodForm.Reference, Options = new() { ["BatchRows"] = 2, ["Epochs"] = 3 },
        };
        int[] before = SmallTask.Bits(small.Model);
        Assert.That(() => new BalancedSubnet().Find(task, Budget), Throws.TypeOf<UserException>()
            .With.Message.Matches(@"^balanced-subnet, reference form: batch \d+ of an epoch has no sequence "
            + "to forget, so its mean loss is NaN and with it every score; use the corrected form"));
        Assert.That(SmallTask.Bits(small.Model), Is.EqualTo(before));
        Assert.That(() => new BalancedSubnet().Find(
            task with { Form = MethodForm.Corrected }, Budget), Throws.Nothing);
    }

    [Test]
    public void Alpha_outside_of_0_to_1_is_refused()
    {
        using var small = new SmallTask();
        UnlearnTask task = small.Task with { Options = new() { ["Alpha"] = 1.5f } };
        Assert.That(() => new BalancedSubnet().Find(task, Budget), Throws.TypeOf<UserException>()
            .With.Message.EqualTo("Alpha is 1.5; expected 0 to 1"));
    }
}
