namespace HeadTap.Unlearn.Tests;

public sealed class SweepPlanTests
{
    static readonly double[] s_budgets = [0.1, 0.2, 0.3];

    static SweepPlan Plan(int checkpoints, ulong[] seeds, params string[] methods) => new(checkpoints,
        [.. methods.Select(m => new SweptMethod(MethodCatalog.Named(m), [new(), new() { ["Epochs"] = 2 }]))],
        s_budgets, seeds);

    [Test]
    public void A_method_without_a_seed_runs_once_whatever_seeds_there_are()
    {
        SweepPlan plan = Plan(1, [1, 2], "durable", "gradient-ascent");
        Assert.That(plan.Jobs.Where(j => j.Method.Name == "durable").Select(j => j.Seed),
            Is.EqualTo((ulong?[])[null, null]), "one for each set of options");
        Assert.That(plan.Jobs.Where(j => j.Method.Name == "gradient-ascent").Select(j => j.Seed).Distinct(),
            Is.EqualTo((ulong?[])[1, 2]));
    }

    [Test]
    public void A_finding_serves_all_budgets_where_the_method_can()
    {
        SweepPlan plan = Plan(1, [1], "durable", "gradient-ascent");
        Assert.That(plan.Jobs.First(j => j.Method.Name == "durable").Budgets, Is.EqualTo(s_budgets));
        Assert.That(plan.Jobs.Where(j => j.Method.Name == "gradient-ascent").Take(3).Select(j => j.Budgets),
            Is.EqualTo((double[][])[[0.1], [0.2], [0.3]]));
    }

    [Test]
    public void Cells_are_numbered_without_a_gap()
    {
        SweepPlan plan = Plan(2, [1, 2], "durable", "gradient-ascent");
        Assert.That(plan.Cells, Is.EqualTo(2 * (2 * 3 + 2 * 2 * 3)));
        Assert.That(plan.Jobs.SelectMany(j => j.Budgets.Select((_, i) => j.FirstCell + i)),
            Is.EqualTo(Enumerable.Range(0, plan.Cells)));
        Assert.That(plan.Jobs.Select(j => j.Checkpoint), Is.Ordered);
    }
}
