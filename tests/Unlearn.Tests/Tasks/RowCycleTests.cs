namespace HeadTap.Unlearn.Tests;

public sealed class RowCycleTests
{
    [Test]
    public void Rows_to_keep_come_round_each_as_often()
    {
        using var c = new MethodCase();
        IReadOnlyList<int[]> keep = c.Task.Keep;
        var cycle = new RowCycle(keep, 3);
        int[][] taken = [.. cycle.Next(3), .. cycle.Next(3), .. cycle.Next(2)];
        foreach (int[] row in keep)
            Assert.That(taken.Count(t => ReferenceEquals(t, row)), Is.EqualTo(2));
    }
}
