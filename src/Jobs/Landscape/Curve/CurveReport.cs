using HeadTap.Reports;

namespace HeadTap.Jobs;

/// <summary>The page of a path between two models.</summary>
static class CurveReport
{
    /// <summary>The losses of path and line as a picture.</summary>
    internal static string Losses(LandscapeCurveResult result) => SvgChart.Curves("Loss along the path",
        new ChartAxes("t", "loss, nats per token"),
        [
            new ChartCurve("path", [.. result.Points.Select(p => (p.T, p.Loss))]),
            new ChartCurve("straight line", [.. result.Points.Select(p => (p.T, p.LineLoss))]),
        ], "0.0000", ends: (0, 1));

    /// <summary>The page.</summary>
    internal static HtmlReport Page(LandscapeCurveResult result, LandscapeCurveOptions options)
        => new HtmlReport("A path between two models")
            .Paragraph($"From {options.Model[0]} (t = 0) to {options.Model[1]} (t = 1): {options.Shape}, "
                + $"inner points: {options.Bends}, steps: {options.Steps}.")
            .Table(["", "highest loss, nats#", "barrier, nats#"],
            [
                ["path", Loss(result.MaxLoss), Loss(result.Barrier)],
                ["straight line", Loss(result.LineMaxLoss), Loss(result.LineBarrier)],
            ])
            .Figure(Losses(result), "The barrier is the largest height above the straight line between the "
                + "losses of the two models.")
            .Details("All points", part => part.Table(
                ["t#", "loss#", "accuracy#", "line's loss#", "line's accuracy#"], result.Points.Select(p =>
                    (IReadOnlyList<string>)[NumberText.Of(p.T, "0.###"), Loss(p.Loss),
                        NumberText.Of(p.Accuracy, "0.0 %"), Loss(p.LineLoss),
                        NumberText.Of(p.LineAccuracy, "0.0 %")])));

    static string Loss(double value) => NumberText.Of(value, "0.0000");
}
