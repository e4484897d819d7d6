using HeadTap.Models;

namespace HeadTap.Merge.Tests;

public class AssignmentTests
{
    static double[] Gains(int n, int seed, int levels = 0)
    {
        var random = new SeededRandom((ulong)seed);
        double[] gains = new double[n * n];
        for (int i = 0; i < gains.Length; i++)
            gains[i] = levels > 0 ? random.Next(levels) : random.NextNormal();
        return gains;
    }

    static double Sum(double[] gains, int n, int[] columns)
        => columns.Select((j, i) => gains[i * n + j]).Sum();

    static IEnumerable<int[]> Permutations(int n) => n == 0 ? [[]]
        : Permutations(n - 1).SelectMany(p => Enumerable.Range(0, n)
            .Select(at => (int[])[.. p[..at], n - 1, .. p[at..]]));

    [Test]
    public void It_finds_what_all_permutations_have_as_largest(
        [Range(1, 7)] int n, [Values(0, 1, 3)] int levels)
    {
        for (int seed = 0; seed < 20; seed++)
        {
            double[] gains = Gains(n, 100 * n + seed, levels);
            int[] found = Assignment.Largest(gains, n);
            Assert.That(found.Order(), Is.EqualTo(Enumerable.Range(0, n)));
            Assert.That(Sum(gains, n, found),
                Is.EqualTo(Permutations(n).Max(p => Sum(gains, n, p))).Within(1e-12));
        }
    }

    [Test]
    public void It_finds_a_hidden_permutation_of_many_rows()
    {
        const int N = 300;
        double[] rows = Gains(N, 5);
        int[] hidden = [.. Enumerable.Range(0, N)];
        new SeededRandom(1).Shuffle<int>(hidden);
        double[] moved = BlockSymmetry.Rows(rows, N, hidden); // moved[i] = rows[hidden[i]]
        int[] found = Assignment.Largest(RowProducts.OfRows(rows, moved, N), N);
        Assert.That(found.Select(i => hidden[i]), Is.EqualTo(Enumerable.Range(0, N)));
    }

    [Test]
    public void No_swap_of_two_rows_gains_anything()
    {
        const int N = 80;
        double[] gains = Gains(N, 6);
        int[] found = Assignment.Largest(gains, N);
        for (int i = 0; i < N; i++)
            for (int k = 0; k < i; k++)
                Assert.That(gains[i * N + found[k]] + gains[k * N + found[i]],
                    Is.LessThanOrEqualTo(gains[i * N + found[i]] + gains[k * N + found[k]] + 1e-12));
    }

    [Test]
    public void Numbers_that_are_none_are_refused()
    {
        Assert.That(() => Assignment.Largest([1, double.NaN, 2, 3], 2), Throws.ArgumentException);
        Assert.That(() => Assignment.Largest([1, 2, 3], 2), Throws.ArgumentException);
    }
}
