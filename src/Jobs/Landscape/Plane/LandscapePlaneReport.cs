using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Reports;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>The files of <see cref="LandscapePlaneJob"/>: CSV, npy, SVG and a page. They have no times, so
/// that an interrupted job writes the same bytes.</summary>
sealed class LandscapePlaneReport(LandscapePlaneResult result)
{
    bool IsTrajectory => result.Directions == "pca";

    /// <summary>Writes all files.</summary>
    /// <exception cref="UserException">A file cannot be written.</exception>
    internal void Save(LandscapeFolder folder)
    {
        MeasureFiles.WriteCsv(folder.At("plane.csv"), "x,y,loss,accuracy",
            result.Points.Select(p => (IReadOnlyList<object?>)[p.X, p.Y, p.Loss, p.Accuracy]));
        MeasureFiles.WriteCsv(folder.At("models.csv"), "model,x,y,loss,accuracy",
            result.Models.Select((m, i) => (IReadOnlyList<object?>)[i, m.X, m.Y, m.Loss, m.Accuracy]));
        int[] shape = [result.Y.Count, result.X.Count];
        MeasureFiles.WriteNpy(folder.At("loss.npy"), shape, result.Points.Select(p => p.Loss));
        MeasureFiles.WriteNpy(folder.At("accuracy.npy"), shape, result.Points.Select(p => p.Accuracy));
        AtomicFile.WriteText(folder.At("plane.svg"), Chart());
        Page().Save(folder.At(MeasureFiles.Page));
    }

    (string Across, string Up) Axes => result.Directions switch
    {
        "random" => ("first direction", "second direction"),
        "models" => ("towards the second model (distance in weights)", "towards the third"),
        _ => ($"first component ({LandscapeTable.Percent(result.Explained![0])} of the variance)",
            $"second component ({LandscapeTable.Percent(result.Explained![1])})"),
    };

    string Chart() => SvgChart.Contours("Loss, nats", new(Axes.Across, Axes.Up),
        new ChartField(result.X, result.Y, [.. result.Points.Select(p => p.Loss)]),
        [.. result.Models.Select(m => new ChartMark(LandscapeTable.Name(m.Model), m.X, m.Y))], IsTrajectory);

    HtmlReport Page()
    {
        var page = new HtmlReport("Loss on a plane through weight space");
        page.Paragraph((result.Directions switch
        {
            "random" => "Two random directions from the model, each row of a matrix as long as the model's "
                + "row (filter-normalised); biases and gains stay.",
            "models" => "The plane through three models; distances are Euclidean, in weight space.",
            _ => "The two principal components of the checkpoints; the last one is the origin. The line "
                + "joins the checkpoints' projections.",
        }) + $" {result.Size} × {result.Size} points, mean next-token cross-entropy of "
            + $"{Counted.Of(result.Tokens, "token")} each. Move over a plot for values; turn the "
            + "surface with the mouse or the arrow keys.");
        page.Widget(LandscapePlaneScript.Style, LandscapePlaneScript.Markup, LandscapePlaneScript.Script,
            Data());
        page.Heading("Models").Table(["model", "x#", "y#", "loss#", "accuracy#"], result.Models.Select(m =>
            (string[])[LandscapeTable.Name(m.Model), NumberText.Of(m.X, "0.####"),
                NumberText.Of(m.Y, "0.####"), LandscapeTable.Nats(m.Loss),
                LandscapeTable.Percent(m.Accuracy)]));
        if (result.Ensemble is { } ensemble)
            page.Paragraph($"The ensemble of the three: {ensemble.Describe()}.");
        if (result.Lowest is { } low)
            page.Paragraph($"The lowest point of the grid is at {NumberText.Of(low.X, "0.####")}, "
                + $"{NumberText.Of(low.Y, "0.####")}: {LandscapeTable.Nats(low.Loss)} nats. All points are "
                + "in plane.csv.");
        return page;
    }

    JsonObject Data() => new()
    {
        ["x"] = Numbers(result.X), ["y"] = Numbers(result.Y),
        ["loss"] = Numbers(result.Points.Select(p => p.Loss)),
        ["accuracy"] = Numbers(result.Points.Select(p => p.Accuracy)),
        ["palette"] = new JsonArray([.. ContourLevels.Palette.Select(c => JsonValue.Create(c))]),
        ["across"] = Axes.Across, ["up"] = Axes.Up, ["joined"] = IsTrajectory,
        ["marks"] = new JsonArray([.. result.Models.Select(m => (JsonNode)new JsonObject
        {
            ["name"] = LandscapeTable.Name(m.Model), ["x"] = LandscapeTable.Short(m.X),
            ["y"] = LandscapeTable.Short(m.Y), ["loss"] = LandscapeTable.Short(m.Loss),
            ["accuracy"] = LandscapeTable.Short(m.Accuracy),
        })]),
    };

    static JsonArray Numbers(IEnumerable<double> values)
        => new([.. values.Select(v => (JsonNode?)LandscapeTable.Short(v))]);
}
