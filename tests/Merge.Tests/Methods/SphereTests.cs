using HeadTap.Reference;

namespace HeadTap.Merge.Tests;

/// <summary>Methods that turn tensors on a sphere.</summary>
public class SphereTests
{
    static TensorSettings At(double t) => new TensorSettings().With(Slerp.T, t);

    static double Length(IEnumerable<double> vector) => Math.Sqrt(vector.Sum(v => v * v));

    [TestCase(0.5), TestCase(0.2), TestCase(0.93)]
    public void Slerp_is_the_point_of_the_arc(double t)
    {
        float[] a = Tensors.Normal(1, 1203), b = Tensors.Normal(2, 1203, 3);
        Tensors.AssertRounded(new Slerp().Merged(new HeldTensor("w", [3, 401], [a, b]), At(t)),
            MergeReference.Slerp(Tensors.Wide(a), Tensors.Wide(b), t));
    }

    [Test]
    public void Slerp_keeps_the_length_where_both_have_it()
    {
        float[] a = [3, 0, 4], b = [0, 5, 0];
        float[] middle = new Slerp().Merged(new HeldTensor("w", [3], [a, b]), At(0.5));
        Assert.That(Length(middle.Select(v => (double)v)), Is.EqualTo(5).Within(1e-6));
    }

    [TestCase(0), TestCase(1)]
    public void Slerp_ends_at_the_models_to_the_bit(int t)
    {
        float[][] models = [Tensors.Normal(1, 99), Tensors.Normal(2, 99)];
        Assert.That(new Slerp().Merged(new HeldTensor("w", [99], models), At(t)), Is.EqualTo(models[t]));
    }

    [Test]
    public void Slerp_of_nearly_parallel_tensors_and_of_zeros_is_linear()
    {
        float[] a = Tensors.Normal(1, 99), b = [.. a.Select(v => 2 * v)], zeros = new float[99];
        Tensors.AssertRounded(new Slerp().Merged(new HeldTensor("w", [99], [a, b]), At(0.25)),
            [.. a.Select(v => 1.25 * v)]);
        Tensors.AssertRounded(new Slerp().Merged(new HeldTensor("w", [99], [zeros, b]), At(0.25)),
            [.. b.Select(v => 0.25 * v)]);
    }

    [Test]
    public void The_Karcher_mean_of_two_is_the_middle_of_the_arc()
    {
        float[] a = Tensors.Normal(1, 500), b = Tensors.Normal(2, 500, 2);
        double lengthA = Length(Tensors.Wide(a)), lengthB = Length(Tensors.Wide(b));
        double[] middle = MergeReference.Slerp(
            [.. a.Select(v => v / lengthA)], [.. b.Select(v => v / lengthB)], 0.5);
        float[] found = new Karcher().Merged(new HeldTensor("w", [500], [a, b]),
            new TensorSettings().With(Karcher.Tolerance, 1e-12).With(Karcher.MostSteps, 100));
        double scale = (lengthA + lengthB) / 2;
        for (int i = 0; i < found.Length; i++)
            Assert.That(found[i], Is.EqualTo(middle[i] * scale).Within(1e-6));
    }

    // At the mean the directions to the models, as long as the angles, add up to nothing.
    [Test]
    public void At_the_Karcher_mean_the_logarithms_of_the_models_cancel()
    {
        float[][] models = [Tensors.Normal(1, 300), Tensors.Normal(2, 300, 2), Tensors.Normal(3, 300, 0.5f)];
        double[] mean = Tensors.Wide(new Karcher().Merged(new HeldTensor("w", [300], models),
            new TensorSettings().With(Karcher.Tolerance, 1e-12).With(Karcher.MostSteps, 200)));
        double length = Length(mean);
        Assert.That(length, Is.EqualTo(models.Average(m => Length(Tensors.Wide(m)))).Within(1e-4));
        double[] sum = new double[300];
        foreach (float[] model in models)
        {
            double own = Length(Tensors.Wide(model));
            double cosine = mean.Zip(model, (m, v) => m / length * (v / own)).Sum();
            double angle = Math.Acos(cosine);
            for (int i = 0; i < 300; i++)
                sum[i] += angle / Math.Sin(angle) * (model[i] / own - cosine * mean[i] / length);
        }
        Assert.That(Length(sum), Is.LessThan(1e-5));
    }

    [Test]
    public void Equal_and_opposite_models_have_a_Karcher_mean()
    {
        float[] a = Tensors.Normal(1, 60), opposite = [.. a.Select(v => -v)];
        Assert.That(new Karcher().Merged(new HeldTensor("w", [60], [a, a, a])), Is.EqualTo(a).Within(1e-6));
        Assert.That(new Karcher().Merged(new HeldTensor("w", [60], [a, opposite])),
            Has.All.Matches<float>(float.IsFinite));
        Assert.That(new Karcher().Merged(new HeldTensor("w", [2], [new float[2], new float[2]])),
            Is.EqualTo(new float[2]));
    }
}
