using System.Globalization;
using HeadTap.Reports;

namespace HeadTap.Jobs;

/// <summary>The page of a training's instability.</summary>
static class InstabilityReport
{
    /// <summary>The instability over the steps as a picture.</summary>
    internal static string BySteps(LandscapeInstabilityResult result)
    {
        (double X, double Y)[] error =
            [.. result.Children.Select(c => ((double)c.Step, 100 * c.ErrorInstability))];
        double bound = 100 * result.Threshold;
        return SvgChart.Curves("Instability of the training",
            new ChartAxes("step at which two children part", "instability, percent"),
            [
                new ChartCurve("error", error),
                new ChartCurve("threshold", [(0, bound), (result.Steps, bound)]),
            ], "0.##");
    }

    /// <summary>The page.</summary>
    internal static HtmlReport Page(LandscapeInstabilityResult result) => new HtmlReport("Instability")
        .Paragraph((result.StableFrom is { } step
            ? $"Children that part at step {step} end in one basin, at no earlier step asked for"
            : "At no step asked for do children end in one basin")
            + $": their error rises by less than {NumberText.Of(result.Threshold, "0.# %")} between them.")
        .Figure(BySteps(result),
            "The highest error on the line between two children, above the mean of theirs.")
        .Table(["step#", "error#", "loss, nats#"], result.Children.Select(c => (IReadOnlyList<string>)
            [c.Step.ToString(CultureInfo.InvariantCulture), NumberText.Of(c.ErrorInstability, "0.00 %"),
                NumberText.Of(c.LossInstability, "0.0000")]));
}
