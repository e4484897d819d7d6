using HeadTap.Models;

namespace HeadTap.Merge;

/// <summary>An eigenvalue of the Hessian.</summary>
/// <param name="Value">The Ritz value.</param>
/// <param name="Residual"><c>|H y - value y|</c> of its Ritz vector y, of norm 1: what Lanczos has not yet
/// found.</param>
/// <param name="DifferenceError">Estimate of the norm of the error of H y itself, by central
/// differences.</param>
public sealed record HessianEigenvalue(double Value, double Residual, double DifferenceError)
{
    /// <summary>An eigenvalue of H lies no farther from <see cref="Value"/> than this, as far as the estimate
    /// of the differences' error holds.</summary>
    public double Error => Residual + DifferenceError;
}

/// <summary>What one random vector says about the Hessian.</summary>
/// <param name="Probe">Its number, from 0.</param>
/// <param name="Trace"><c>z^T H z</c>, z the vector of signs.</param>
/// <param name="Asymmetry">The largest <c>|u^T H v - v^T H u|</c> seen.</param>
/// <param name="RitzValues">From the largest.</param>
/// <param name="Weights">Their weights in the spectral measure of z; the sum is 1.</param>
/// <param name="Largest">The largest eigenvalues, of the first probe; of the others none.</param>
public sealed record HessianProbe(int Probe, double Trace, double Asymmetry,
    IReadOnlyList<double> RitzValues, IReadOnlyList<double> Weights,
    IReadOnlyList<HessianEigenvalue> Largest);

/// <summary>
/// Measures the Hessian of a loss with Lanczos' iteration from random vectors of signs: each gives a sample
/// of the trace and of the spectral density, and the first the largest eigenvalues too.
/// </summary>
/// <param name="products">Products with the Hessian.</param>
/// <param name="steps">Products a probe.</param>
/// <param name="top">Largest eigenvalues that the first probe gives.</param>
/// <param name="seed">Of the vectors.</param>
public sealed class CurvatureMeasure(HessianProducts products, int steps, int top, ulong seed)
{
    const ulong ProbeStream = 0x63757276_61747572; // apart from other streams of a seed

    /// <summary>The probe of a number; the same number gives the same bits.</summary>
    /// <param name="number">From 0.</param>
    /// <param name="progress">Told the products done; may throw to stop.</param>
    public HessianProbe Probe(int number, Action<int>? progress = null)
    {
        float[] z = Signs(products.Length, seed, number);
        var lanczos = new Lanczos(products.Of, z, steps, progress);
        return new HessianProbe(number, products.Length * lanczos.Quotient, lanczos.Asymmetry, lanczos.Values,
            lanczos.Weights, number > 0 ? [] : [.. Enumerable.Range(0, Math.Min(top, lanczos.Values.Count))
                .Select(i => Eigenvalue(lanczos, i))]);
    }

    /// <summary>A vector of norm 1 whose numbers have one size and random signs.</summary>
    /// <param name="length">Numbers.</param>
    /// <param name="seed">Of the job.</param>
    /// <param name="number">Which.</param>
    public static float[] Signs(int length, ulong seed, int number)
    {
        var random = new SeededRandom(seed, ProbeStream + (ulong)number);
        float[] z = new float[length];
        float size = (float)(1 / Math.Sqrt(length));
        ulong bits = 0;
        for (int i = 0; i < length; i++)
        {
            if (i % 64 == 0)
                bits = random.NextUInt64();
            z[i] = (bits >> i % 64 & 1) == 0 ? size : -size;
        }
        return z;
    }

    HessianEigenvalue Eigenvalue(Lanczos lanczos, int i)
    {
        float[] y = lanczos.Vector(i);
        (double[] product, double error) = products.WithError(y);
        return new HessianEigenvalue(
            lanczos.Values[i], Flat.Distance(product, lanczos.Values[i], y), error);
    }
}
