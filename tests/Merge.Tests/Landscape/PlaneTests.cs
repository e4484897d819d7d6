using HeadTap.Kernels.Tests;
using HeadTap.Models;
using HeadTap.Reference;
using HeadTap.Runtime;

namespace HeadTap.Merge.Tests;

public sealed class PlaneTests : IDisposable
{
    readonly LandscapeFolders _folders = new();

    public void Dispose() => _folders.Dispose();

    static float[] Flat(FlatParameters vector) => vector.Blocks[0].ToArray();

    static double Norm(IEnumerable<float> values) => Math.Sqrt(values.Sum(v => (double)v * v));

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.Quick))]
    public void Rows_of_a_random_direction_are_as_long_as_the_weights_rows(string device)
    {
        float[] a = _folders.Write("a", 1);
        using var space = new WeightSpace(TestDevice.Open(device), _folders.At("a"));
        FlatParameters first = space.Vector("u of "), again = space.Vector("v of ");
        FlatParameters second = space.Vector("w of ");
        FilterNormal.Write(first, space.Model.Set, 7, 0);
        FilterNormal.Write(again, space.Model.Set, 7, 0);
        FilterNormal.Write(second, space.Model.Set, 7, 1);
        float[] u = Flat(first), w = Flat(second);
        Assert.That(Flat(again), Is.EqualTo(u));
        foreach (ParameterSlice slice in space.Model.Parameters.Slices)
        {
            (int at, int length) = ((int)slice.Offset, (int)slice.Length);
            if (slice.Shape.Length == 1)
            {
                Assert.That(u[at..(at + length)], Is.All.Zero, slice.Name);
                continue;
            }
            for (int row = at; row < at + length; row += slice.Shape[1])
            {
                float[] d = u[row..(row + slice.Shape[1])];
                Assert.That(Norm(d), Is.EqualTo(Norm(a[row..(row + d.Length)])).Within(1e-6), slice.Name);
                Assert.That(d, Is.Not.EqualTo(w[row..(row + d.Length)]), "the second direction is another");
            }
        }
        // Two random directions of many numbers are nearly at right angles.
        Assert.That(Math.Abs(space.Dot(first, second)) / Norm(u) / Norm(w), Is.LessThan(0.05));
    }

    [Test]
    public void A_row_of_zeros_stays_where_it_is()
    {
        float[] direction = [1, 2, 3, 4];
        FilterNormal.Normalize(direction, [0, 0, 3, 4], 2);
        Assert.That(direction, Is.EqualTo((float[])[0, 0, 3, 4]));
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.Quick))]
    public void The_plane_through_three_models_meets_them(string device)
    {
        float[] a = _folders.Write("a", 1), b = _folders.Write("b", 2), c = _folders.Write("c", 3);
        string[] names = [.. new[] { "a", "b", "c" }.Select(_folders.At)];
        PlaneBasis basis = SpannedPlane.OfModels(names);
        using var space = new WeightSpace(TestDevice.Open(device), names[0]);
        FlatParameters origin = space.Keep(), u = space.Vector("u of "), v = space.Vector("v of ");
        List<float[]> seen = [];
        SpannedPlane.Write(space, names, basis, origin, u, v, _ => seen.Add(Flat(space.Model.Set)));
        Assert.That(seen, Is.EqualTo((float[][])[a, b, c]));
        Assert.That((space.Dot(u, u), space.Dot(v, v), space.Dot(u, v)), Is.EqualTo((1.0, 1.0, 0.0))
            .Using<(double, double, double)>((x, y) => Math.Abs(x.Item1 - y.Item1) < 1e-5
                && Math.Abs(x.Item2 - y.Item2) < 1e-5 && Math.Abs(x.Item3 - y.Item3) < 1e-5));
        Assert.That(basis.Places[1].Y, Is.Zero);
        Assert.That(basis.Places[1].X, Is.EqualTo(Norm(a.Zip(b, (x, y) => y - x))).Within(1e-5));
        foreach ((float[] model, (double x, double y)) in new[] { a, b, c }.Zip(basis.Places))
        {
            space.MoveTo((1, origin), (x, u), (y, v));
            Assert.That(Flat(space.Model.Set), Is.EqualTo(model).Within(1e-5));
        }
    }

    [Test]
    public void Principal_components_are_those_of_the_covariance()
    {
        const int n = 5, P = 7;
        float[][] models = [.. Enumerable.Range(0, n).Select(i => Numbers.Normal(i + 1, P))];
        double[,] gram = new double[n, n];
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++)
                gram[i, j] = Enumerable.Range(0, P)
                    .Sum(p => ((double)models[i][p] - models[^1][p])
                        * ((double)models[j][p] - models[^1][p]));
        PlaneBasis basis = PrincipalComponents.Of(gram);
        double[] mean = [.. Enumerable.Range(0, P).Select(p => models.Average(m => (double)m[p]))];
        double[,] covariance = new double[P, P];
        for (int p = 0; p < P; p++)
            for (int q = 0; q < P; q++)
                covariance[p, q] = models.Sum(m => (m[p] - mean[p]) * (m[q] - mean[q]));
        (double[] values, double[][] vectors) = EigenReference.Symmetric(covariance);
        foreach ((double[] shares, int k) in new[] { (basis.First, 0), (basis.Second, 1) })
        {
            double[] direction = [.. Enumerable.Range(0, P).Select(p =>
                Enumerable.Range(0, n).Sum(i => shares[i] * ((double)models[i][p] - models[^1][p])))];
            double sign = Math.Sign(direction.Zip(vectors[k], (x, y) => x * y).Sum());
            Assert.That(direction, Is.EqualTo(vectors[k].Select(x => sign * x).ToArray()).Within(1e-12));
            for (int i = 0; i < n; i++)
                Assert.That(k == 0 ? basis.Places[i].X : basis.Places[i].Y, Is.EqualTo(Enumerable.Range(0, P)
                    .Sum(p => direction[p] * ((double)models[i][p] - models[^1][p]))).Within(1e-12));
        }
        Assert.That(basis.Explained!.Value.First, Is.EqualTo(values[0] / values.Sum()).Within(1e-12));
        Assert.That(basis.Explained.Value.Second, Is.EqualTo(values[1] / values.Sum()).Within(1e-12));
    }

    [Test]
    public void A_trajectory_that_lies_in_a_plane_is_met()
    {
        float[] start = _folders.Write("p0", 1), one = Numbers.Normal(5, start.Length, 0f, 0.1f),
            two = Numbers.Normal(6, start.Length, 0f, 0.1f);
        (double, double)[] path = [(0, 0), (1, 0.5), (2, -0.5), (3, 0)];
        string[] names = [.. path.Select((_, i) => _folders.At($"p{i}"))];
        float[][] models = [.. path.Select(p => start.Select((s, i) =>
            (float)(s + p.Item1 * one[i] + p.Item2 * two[i])).ToArray())];
        for (int i = 0; i < names.Length; i++)
            ModelFolder.Write(names[i], LandscapeFolders.Config, models[i]);
        PlaneBasis basis = SpannedPlane.OfCheckpoints(names);
        Assert.That(basis.Explained!.Value.First + basis.Explained.Value.Second, Is.EqualTo(1).Within(1e-9));
        Assert.That(basis.Places[^1], Is.EqualTo((0.0, 0.0)));
        using var space = new WeightSpace(TestDevice.Open("cpu512"), names[^1]);
        FlatParameters origin = space.Keep(), u = space.Vector("u of "), v = space.Vector("v of ");
        SpannedPlane.Write(space, names, basis, origin, u, v);
        foreach ((float[] model, (double x, double y)) in models.Zip(basis.Places))
        {
            space.MoveTo((1, origin), (x, u), (y, v));
            Assert.That(Flat(space.Model.Set), Is.EqualTo(model).Within(2e-6));
        }
    }

    [Test]
    public void Models_that_span_no_plane_are_refused()
    {
        float[] a = _folders.Write("l0", 1), b = _folders.Write("l1", 2);
        ModelFolder.Write(_folders.At("l2"), LandscapeFolders.Config,
            a.Zip(b, (x, y) => (x + y) / 2).ToArray());
        string[] line = [.. new[] { "l0", "l1", "l2" }.Select(_folders.At)];
        string[][] flat = [line, [line[0], line[0], line[1]], [line[0], line[0], line[0]]];
        foreach (string[] names in flat)
        {
            Assert.That(() => SpannedPlane.OfModels(names), Throws.TypeOf<UserException>()
                .With.Message.Contains("lie on one line"));
            Assert.That(() => SpannedPlane.OfCheckpoints(names), Throws.TypeOf<UserException>()
                .With.Message.Contains("lie on one line"));
        }
        Assert.That(() => SpannedPlane.OfModels(line[..2]), Throws.TypeOf<UserException>()
            .With.Message.Contains("2 models; expected three"));
        _folders.Write("other", 2, LandscapeFolders.Config with { Heads = 5 });
        Assert.That(() => SpannedPlane.OfModels([line[0], line[1], _folders.At("other")]),
            Throws.TypeOf<UserException>().With.Message.Contains("n_head is 5 and 4"));
    }

    [Test]
    public void A_grid_is_even_and_symmetric_and_runs_row_by_row_from_the_bottom()
    {
        PlaneGrid grid = PlaneGrid.Around(3, 2);
        Assert.That(grid.X, Is.EqualTo((double[])[-2, 0, 2]));
        Assert.That((grid[0], grid[1], grid[3]), Is.EqualTo(((-2.0, -2.0), (0.0, -2.0), (-2.0, 0.0))));
        PlaneGrid around = PlaneGrid.Around(2, 1.5, [(0, 0), (4, 1), (2, 2)]);
        Assert.That(around.X, Is.EqualTo((double[])[-1, 5]), "1.5 times 4, about 2");
        Assert.That(around.Y, Is.EqualTo((double[])[-2, 4]), "as long as the other side, about 1");
    }
}
