using HeadTap.Kernels.Tests;
using HeadTap.Models;

namespace HeadTap.Merge.Tests;

public sealed class ModelGradientFieldTests : IDisposable
{
    static readonly ModelConfig s_config =
        new() { VocabSize = 7, ContextLength = 5, Width = 4, Layers = 1, Heads = 2, Inner = 6 };

    static readonly int[][] s_texts = [[1, 4, 0, 6, 2], [3, 3, 5], [6, 1, 2, 2]];

    readonly LandscapeFolders _folders = new();
    double[] _flat = [];
    double[,] _hessian = new double[0, 0];

    [OneTimeSetUp]
    public void Make()
    {
        _flat = Array.ConvertAll(_folders.Write("a", 1, s_config), x => (double)x);
        _hessian = new ExactLoss(s_config, s_texts).Hessian(_flat);
    }

    public void Dispose() => _folders.Dispose();

    double[] Exact(float[] v)
    {
        double[] product = new double[v.Length];
        for (int i = 0; i < v.Length; i++)
            for (int j = 0; j < v.Length; j++)
                product[i] += _hessian[i, j] * v[j];
        return product;
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.Quick))]
    public void The_gradient_is_that_of_the_moved_weights(string device)
    {
        using var space = new WeightSpace(TestDevice.Open(device), _folders.At("a"));
        using var field = new ModelGradientField(space, s_texts);
        float[] v = CurvatureMeasure.Signs(field.Length, 3, 0), gradient = new float[field.Length];
        var exact = new ExactLoss(s_config, s_texts);
        foreach (double step in (double[])[0, 0.5, -0.25])
        {
            field.Gradient(v, step, gradient);
            (double loss, double[] expected) = exact.At([.. _flat.Zip(v, (w, d) => w + step * d)]);
            Assert.That(field.Loss, Is.EqualTo(loss).Within(1e-5));
            Assert.That(gradient, Is.EqualTo(expected).Within(1e-5), $"step {step}");
        }
        Assert.That(field.Tokens, Is.EqualTo(9));
        Assert.That(field.Norm, Is.EqualTo(Math.Sqrt(_flat.Sum(w => w * w))).Within(1e-4).Percent);
    }

    [TestCaseSource(typeof(TestDevice), nameof(TestDevice.Quick))]
    public void Products_are_the_exact_Hessian_s_within_their_stated_error_and_symmetric(string device)
    {
        using var space = new WeightSpace(TestDevice.Open(device), _folders.At("a"));
        using var field = new ModelGradientField(space, s_texts);
        HessianProducts products =
            HessianProducts.WithBestStep(field, CurvatureMeasure.Signs(field.Length, 3, -1));
        (float[] u, float[] v) =
            (CurvatureMeasure.Signs(field.Length, 3, 0), CurvatureMeasure.Signs(field.Length, 3, 1));
        ((double[] hu, double eu), (double[] hv, double ev)) = (products.WithError(u), products.WithError(v));
        double[] exact = Exact(u);
        Assert.That(Flat.Distance(hu, exact), Is.LessThanOrEqualTo(1.5 * eu));
        Assert.That(eu, Is.LessThan(0.02 * Flat.Norm(exact)), "the error is small");
        Assert.That(Flat.Dot(u, hv), Is.EqualTo(Flat.Dot(v, hu)).Within(eu + ev));
        Assert.That(Flat.Dot(u, hv), Is.EqualTo(Flat.Dot(v, exact)).Within(ev));
    }

    [Test]
    public void Eigenvalues_and_trace_are_the_exact_Hessian_s_within_their_stated_errors()
    {
        using var space = new WeightSpace(TestDevice.Open("cpu512"), _folders.At("a"));
        using var field = new ModelGradientField(space, s_texts);
        HessianProducts products =
            HessianProducts.WithBestStep(field, CurvatureMeasure.Signs(field.Length, 3, -1));
        var measure = new CurvatureMeasure(products, steps: 40, top: 4, seed: 11);
        HessianProbe first = measure.Probe(0);
        (double[] values, _) = SymmetricEigen.Of(_hessian);
        for (int i = 0; i < 4; i++)
        {
            Assert.That(first.Largest[i].Value, Is.EqualTo(values[i]).Within(first.Largest[i].Error), $"{i}");
            Assert.That(first.Largest[i].Error, Is.LessThan(0.05 * values[0]), $"{i}");
        }
        Assert.That(first.RitzValues[^1], Is.EqualTo(values[^1]).Within(0.05 * values[0]));
        var few = new CurvatureMeasure(products, steps: 1, top: 1, seed: 12);
        TraceEstimate trace = TraceEstimate.Of([.. Enumerable.Range(0, 60).Select(p => few.Probe(p).Trace)]);
        Assert.That(trace.Mean, Is.EqualTo(values.Sum()).Within(3 * trace.StandardError!.Value));
        double variance = 0; // of z^T H z over signs z
        for (int i = 0; i < field.Length; i++)
            for (int j = 0; j < field.Length; j++)
                variance += i == j ? 0 : 2 * _hessian[i, j] * _hessian[i, j];
        Assert.That(trace.StandardError.Value, Is.EqualTo(Math.Sqrt(variance / 60)).Within(30).Percent);
    }
}
