using HeadTap.Reports;

namespace HeadTap.Jobs;

/// <summary>The page of a loss's curvature.</summary>
static class CurvatureReport
{
    const double Faintest = 1e-6; // of the highest density: below it a curve of logarithms is cut

    /// <summary>The spectral density as a picture.</summary>
    internal static string Density(LandscapeCurvatureResult result)
    {
        double floor = Faintest * result.Density.Max(d => d.Density);
        return SvgChart.Curves("Spectral density of the Hessian",
            new ChartAxes("eigenvalue", "log10 of the share of eigenvalues per unit"),
            [new ChartCurve("density", [.. result.Density.Select(d =>
                (d.Eigenvalue, Math.Log10(Math.Max(d.Density, floor))))])],
            ends: (result.Density[0].Eigenvalue, result.Density[^1].Eigenvalue));
    }

    /// <summary>The page.</summary>
    internal static HtmlReport Page(LandscapeCurvatureResult result) => new HtmlReport("Curvature of a loss")
        .Paragraph($"Loss {NumberText.Of(result.Loss, "0.0000")} nats, mean of {result.Tokens} tokens; "
            + $"{result.Parameters} parameters.")
        .Heading("Largest eigenvalues")
        .Table(["eigenvalue#", "error#", "residual#", "of the differences#"], result.Eigenvalues.Select(e =>
            (IReadOnlyList<string>)[Text(e.Value), Text(e.Error), Text(e.Residual), Text(e.DifferenceError)]))
        .Paragraph($"Smallest Ritz value {Text(result.Smallest)}. Trace {Text(result.Trace)}"
            + (result.TraceStandardError is { } error ? $", standard error {Text(error)}" : "")
            + $" ({result.Probes} random vectors).")
        .Heading("Spectral density")
        .Figure(Density(result), $"Stochastic Lanczos quadrature, {result.Steps} steps for each of "
            + $"{result.Probes} vectors.")
        .Paragraph($"Products with the Hessian are central differences of the gradient at a distance of "
            + $"{Text(result.Step)}; their largest asymmetry is {Text(result.Asymmetry)}.");

    static string Text(double value) => NumberText.Of(value, "g5");
}
