using HeadTap.Kernels.Tests;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Merge.Tests;

public sealed class WeightSpaceTests : IDisposable
{
    readonly LandscapeFolders _folders = new();

    public void Dispose() => _folders.Dispose();

    static float[] Flat(FlatParameters vector) => vector.Blocks[0].ToArray();

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.Quick))]
    public void Weights_are_the_sum_and_the_points_themselves_are_met_to_the_bit(string device)
    {
        float[] a = _folders.Write("a", 1), b = _folders.Write("b", 2), c = _folders.Write("c", 3);
        using var space = new WeightSpace(TestDevice.Open(device), _folders.At("a"));
        FlatParameters at = space.Keep(), bt = space.Read(_folders.At("b"));
        FlatParameters ct = space.Read(_folders.At("c")), dt = space.Keep();
        space.MoveTo((0, at), (1, bt));
        Assert.That(Flat(space.Model.Set), Is.EqualTo(b));
        space.MoveTo((0.5, at), (0.5, bt));
        Assert.That(Flat(space.Model.Set), Is.EqualTo(a.Zip(b, (x, y) => 0.5f * x + 0.5f * y).ToArray()));
        space.MoveTo((1, at), (-2, bt), (0.25, ct), (4, dt));
        float[] expected = [.. Enumerable.Range(0, a.Length).Select(i =>
            (float)(a[i] - 2.0 * b[i] + 0.25 * c[i] + 4.0 * a[i]))];
        Assert.That(Flat(space.Model.Set), Is.EqualTo(expected).Within(2e-6));
        space.MoveTo((3, at));
        Assert.That(Flat(space.Model.Set), Is.EqualTo(a.Select(x => 3 * x).ToArray()));
        space.MoveTo((1, at), (0, bt), (0, ct));
        Assert.That(Flat(space.Model.Set), Is.EqualTo(a));
        Assert.That(Flat(at), Is.EqualTo(a), "a point stays where it is");
        space.MoveTo();
        Assert.That(Flat(space.Model.Set), Is.All.Zero);
        Assert.That(space.Dot(at, bt), Is.EqualTo(a.Zip(b, (x, y) => (double)x * y).Sum()).Within(1e-2));
    }

    [Test]
    public void A_sum_may_be_written_over_one_of_its_first_three_terms()
    {
        float[] a = _folders.Write("a", 1);
        using var space = new WeightSpace(TestDevice.Open("cpu512"), _folders.At("a"));
        FlatParameters x = space.Keep(), y = space.Keep(), z = space.Keep(), w = space.Keep();
        space.Set(z, (1, x), (1, y), (1, z), (-2, w));
        Assert.That(Flat(z), Is.EqualTo(a).Within(1e-6));
        Assert.That(() => space.Set(w, (1, x), (1, y), (1, z), (-2, w)), Throws.ArgumentException);
    }

    [Test]
    public void A_model_that_is_lent_has_its_bits_and_its_checks_again()
    {
        float[] a = _folders.Write("a", 1);
        using LanguageModel model = LanguageModel.Load(TestDevice.Open("cpu512"), _folders.At("a"));
        model.RequiresFinite = true;
        using (var space = WeightSpace.Around(model))
        {
            FlatParameters at = space.Keep();
            space.MoveTo((2, at));
            Assert.That(model.RequiresFinite, Is.False);
            Assert.That(Flat(model.Set), Is.Not.EqualTo(a));
        }
        Assert.That(model.RequiresFinite);
        Assert.That(Flat(model.Set), Is.EqualTo(a));
    }

    [Test]
    public void Another_shape_and_a_number_that_is_none_are_named()
    {
        _ = _folders.Write("a", 1);
        _ = _folders.Write("b", 2, LandscapeFolders.Config with { Heads = 5 });
        ParameterSlice bad = new ParameterLayout(LandscapeFolders.Config).Slices[5];
        _ = _folders.Write("c", 3, change: flat => flat[bad.Offset + 3] = float.NaN);
        using var space = new WeightSpace(TestDevice.Open("cpu512"), _folders.At("a"));
        Assert.That(() => space.Read(_folders.At("b")), Throws.TypeOf<UserException>().With.Message.EqualTo(
            $"{_folders.At("b")} does not fit {_folders.At("a")}: n_head is 5 and 4"));
        Assert.That(() => space.Read(_folders.At("c")), Throws.TypeOf<UserException>()
            .With.Message.Contains(bad.Name).And.Message.Contains(_folders.At("c")));
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.Quick))]
    public void Gradients_at_a_point_are_its_slopes(string device)
    {
        float[] a = _folders.Write("a", 1), b = _folders.Write("b", 2);
        using var space = new WeightSpace(TestDevice.Open(device), _folders.At("a"));
        FlatParameters at = space.Keep(), bt = space.Read(_folders.At("b"));
        using var gradient = new TextGradient(space.Model, LandscapeFolders.Texts, 12, 12);
        using var found = ParameterGradients.Create(space.Model);
        space.MoveTo((0.75, at), (0.25, bt));
        double loss = gradient.Run(found);
        loss = gradient.Run(found); // a second call starts anew
        float[] Along(double share) =>
            [.. a.Zip(b, (x, y) => (float)((1 - share) * x + share * y))];
        Assert.That(loss, Is.EqualTo(LandscapeFolders.Exact(Along(0.25), LandscapeFolders.Texts).Loss)
            .Within(1e-5));
        const double h = 1e-3;
        double slope = (LandscapeFolders.Exact(Along(0.25 + h), LandscapeFolders.Texts).Loss
            - LandscapeFolders.Exact(Along(0.25 - h), LandscapeFolders.Texts).Loss) / (2 * h);
        // The points of the differences are rounded to float32 and the third derivative remains: 1 %.
        Assert.That(space.Dot(found.Set, bt) - space.Dot(found.Set, at), Is.EqualTo(slope).Within(1).Percent);
    }
}
