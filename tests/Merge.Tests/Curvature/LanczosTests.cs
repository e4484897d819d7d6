namespace HeadTap.Merge.Tests;

public class LanczosTests
{
    static readonly double[] s_spectrum = [.. Enumerable.Range(0, 60).Select(i =>
        i switch { 0 => 100.0, 1 => 40, 2 => 15, 59 => -8, _ => 0.05 * i })];

    static Quadratic Known(double quartic = 0) => new(Quadratic.WithEigenvalues(s_spectrum, 3),
        [.. Tensors.Normal(4, 60).Select(x => (double)x)], quartic);

    [Test]
    public void As_many_steps_as_numbers_give_every_eigenvalue_of_an_exact_operator()
    {
        var lanczos = new Lanczos(Known().Times, CurvatureMeasure.Signs(60, 1, 0), 60);
        double[] expected = [.. s_spectrum.OrderDescending()];
        // float32 vectors: the projection is off by some 2^-24 of the largest eigenvalue
        Assert.That(lanczos.Values, Is.EqualTo(expected).Within(100 * 60 * Math.Pow(2, -24)));
        Assert.That(lanczos.Weights.Sum(), Is.EqualTo(1).Within(1e-12));
        Assert.That(lanczos.Asymmetry, Is.LessThan(100 * 60 * Math.Pow(2, -24)));
    }

    [Test]
    public void Few_steps_give_the_ends_of_the_spectrum_with_their_vectors()
    {
        Quadratic known = Known();
        var lanczos = new Lanczos(known.Times, CurvatureMeasure.Signs(60, 1, 0), 20);
        Assert.That(lanczos.Values, Has.Count.EqualTo(20));
        foreach ((int value, double expected) in (ReadOnlySpan<(int, double)>)[(0, 100), (1, 40), (19, -8)])
        {
            Assert.That(lanczos.Values[value], Is.EqualTo(expected).Within(1e-3));
            float[] y = lanczos.Vector(value);
            Assert.That(Math.Sqrt(Flat.Dot(y, y)), Is.EqualTo(1).Within(1e-6));
            Assert.That(Flat.Distance(known.Times(y), expected, y), Is.LessThan(0.05));
        }
    }

    [Test]
    public void The_weights_are_the_moments_of_the_start_vector()
    {
        Quadratic known = Known();
        float[] z = CurvatureMeasure.Signs(60, 5, 2);
        var lanczos = new Lanczos(known.Times, z, 8);
        double[] hz = known.Times(z), hhz = known.Times(Array.ConvertAll(hz, x => (float)x));
        double square = Flat.Dot(z, z);
        // Gauss quadrature: exact for polynomials up to degree 15
        Assert.That(Moment(1), Is.EqualTo(Flat.Dot(z, hz) / square).Within(1e-5).Percent);
        Assert.That(Moment(2), Is.EqualTo(hz.Sum(x => x * x) / square).Within(1e-4).Percent);
        Assert.That(Moment(3), Is.EqualTo(hz.Zip(hhz, (a, b) => a * b).Sum() / square).Within(1e-3).Percent);
        Assert.That(lanczos.Quotient, Is.EqualTo(Flat.Dot(z, hz) / square).Within(1e-5).Percent);

        double Moment(int degree)
            => lanczos.Values.Zip(lanczos.Weights, (v, w) => w * Math.Pow(v, degree)).Sum();
    }

    [Test]
    public void An_invariant_space_ends_the_iteration()
    {
        double[] twos = [.. Enumerable.Repeat(2.0, 30)];
        var twice = new Quadratic(Quadratic.WithEigenvalues(twos, 1), new double[30]);
        var lanczos = new Lanczos(twice.Times, CurvatureMeasure.Signs(30, 1, 0), 10);
        Assert.That(lanczos.Values, Is.EqualTo((double[])[2]).Within(1e-6));
    }

    [Test]
    public void Eigenvectors_of_a_matrix_are_orthogonal_and_turn_it_into_its_eigenvalues()
    {
        double[,] h = Quadratic.WithEigenvalues(s_spectrum, 7);
        (double[] values, double[][] vectors) = SymmetricEigen.Of(h);
        Assert.That(values, Is.EqualTo(s_spectrum.OrderDescending().ToArray()).Within(1e-11));
        for (int a = 0; a < values.Length; a++)
            for (int b = 0; b < values.Length; b++)
            {
                double dot = 0, quotient = 0;
                for (int i = 0; i < values.Length; i++)
                {
                    dot += vectors[a][i] * vectors[b][i];
                    for (int j = 0; j < values.Length; j++)
                        quotient += vectors[a][i] * h[i, j] * vectors[b][j];
                }
                Assert.That(dot, Is.EqualTo(a == b ? 1 : 0).Within(1e-12));
                Assert.That(quotient, Is.EqualTo(a == b ? values[a] : 0).Within(1e-10));
            }
    }

    [Test]
    public void Differences_state_an_error_that_holds()
    {
        foreach (double quartic in (double[])[0, 0.3, 30])
        {
            Quadratic known = Known(quartic);
            HessianProducts products = HessianProducts.WithBestStep(known, CurvatureMeasure.Signs(60, 9, 0));
            foreach (int number in (int[])[1, 2, 3])
            {
                float[] v = CurvatureMeasure.Signs(60, 9, number);
                (double[] product, double error) = products.WithError(v);
                double off = Flat.Distance(product, known.Times(v));
                // 60 roundings: the estimate of their sum of squares scatters by a tenth
                Assert.That(off, Is.LessThanOrEqualTo(1.5 * error), $"quartic {quartic}");
                Assert.That(error, Is.LessThan(1e-3 * (100 + quartic)));
            }
        }
    }

    [Test]
    public void The_product_is_symmetric_within_its_error()
    {
        HessianProducts products =
            HessianProducts.WithBestStep(Known(0.3), CurvatureMeasure.Signs(60, 9, 0));
        (float[] u, float[] v) = (CurvatureMeasure.Signs(60, 2, 0), CurvatureMeasure.Signs(60, 3, 0));
        ((double[] hu, double eu), (double[] hv, double ev)) = (products.WithError(u), products.WithError(v));
        Assert.That(Flat.Dot(u, hv) - Flat.Dot(v, hu), Is.EqualTo(0).Within(eu + ev));
    }

    [Test]
    public void Eigenvalues_trace_and_density_of_a_known_quadratic()
    {
        Quadratic known = Known();
        HessianProducts products = HessianProducts.WithBestStep(known, CurvatureMeasure.Signs(60, 9, 0));
        var measure = new CurvatureMeasure(products, steps: 30, top: 3, seed: 8);
        HessianProbe[] probes = [.. Enumerable.Range(0, 20).Select(p => measure.Probe(p))];
        double[] expected = [100, 40, 15];
        Assert.That(probes[0].Largest, Has.Count.EqualTo(3));
        Assert.That(probes.Skip(1).SelectMany(p => p.Largest), Is.Empty);
        foreach ((HessianEigenvalue found, double exact) in probes[0].Largest.Zip(expected))
        {
            Assert.That(found.Value, Is.EqualTo(exact).Within(found.Error));
            Assert.That(found.Error, Is.LessThan(0.02));
        }
        TraceEstimate trace = TraceEstimate.Of([.. probes.Select(p => p.Trace)]);
        double exactTrace = s_spectrum.Sum();
        Assert.That(trace.Mean, Is.EqualTo(exactTrace).Within(3 * trace.StandardError!.Value));
        // The variance of z^T H z over signs z is 2 sum of the squares off the diagonal.
        double variance = 0;
        for (int i = 0; i < 60; i++)
            for (int j = 0; j < 60; j++)
                variance += i == j ? 0 : 2 * known.Hessian(i, j) * known.Hessian(i, j);
        Assert.That(trace.StandardError.Value, Is.EqualTo(Math.Sqrt(variance / 20)).Within(50).Percent);
        IReadOnlyList<DensityPoint> density =
            SpectralDensity.Of([.. probes.Select(p => (p.RitzValues, p.Weights))], 4001);
        double step = density[1].Eigenvalue - density[0].Eigenvalue;
        Assert.That(density.Sum(d => d.Density) * step, Is.EqualTo(1).Within(1e-3));
        Assert.That(density.Sum(d => d.Density * d.Eigenvalue) * step,
            Is.EqualTo(trace.Mean / 60).Within(1).Percent);
        double above50 = density.Where(d => d.Eigenvalue > 50).Sum(d => d.Density) * step;
        Assert.That(above50, Is.EqualTo(1.0 / 60).Within(60).Percent); // one of 60 eigenvalues
    }

    [Test]
    public void Probes_repeat_by_their_number()
    {
        var measure = new CurvatureMeasure(new HessianProducts(Known(), 0.01), 5, 1, 8);
        HessianProbe once = measure.Probe(3), twice = measure.Probe(3), other = measure.Probe(4);
        Assert.That(twice.RitzValues, Is.EqualTo(once.RitzValues));
        Assert.That(other.RitzValues, Is.Not.EqualTo(once.RitzValues));
        Assert.That(CurvatureMeasure.Signs(1000, 1, 0).Count(x => x > 0), Is.InRange(430, 570));
    }

    [Test]
    public void The_standard_error_is_that_of_a_mean()
    {
        Assert.That(TraceEstimate.Of([4.0]), Is.EqualTo(new TraceEstimate(4, null)));
        TraceEstimate three = TraceEstimate.Of([1.0, 2, 6]);
        Assert.That(three.Mean, Is.EqualTo(3));
        Assert.That(three.StandardError, Is.EqualTo(Math.Sqrt((4 + 1 + 9) / 2.0 / 3)).Within(1e-15));
    }
}
