using System.Globalization;
using HeadTap.Reports;

namespace HeadTap.Jobs;

/// <summary>The page of task vectors.</summary>
static class VectorsReport
{
    /// <summary>The matrix of cosines as a picture.</summary>
    internal static string Cosines(LandscapeVectorsResult result)
    {
        string[] names = [.. result.Models.Select(m => m.Name)];
        return SvgChart.HeatMap("Cosines between task vectors", names, names,
            (a, b) => result.All.Cosines[a][b] ?? double.NaN, "0.00");
    }

    /// <summary>The page.</summary>
    internal static HtmlReport Page(LandscapeVectorsResult result)
    {
        HtmlReport page = new HtmlReport("Task vectors")
            .Paragraph($"A task vector is a model's weights less those of the base, {result.Base}.")
            .Table(["name", "model", "norm#"], result.Models.Select((m, i) =>
                (IReadOnlyList<string>)[m.Name, m.Folder, Text(result.All.Norms[i])]))
            .Heading("Directions")
            .Figure(Cosines(result), "1: the same direction; 0: orthogonal; blank: a task vector is 0.")
            .Paragraph("Sign conflicts: " + Share(result.All.SignConflicts) + " of the numbers at which at "
                + "least two task vectors are not 0 have both signs.");
        if (result.Points.Count > 0)
            page.Heading("Sums").Paragraph("The base with lambda times the sum added.")
                .Table(["sum", "lambda#", "loss, nats#", "accuracy#"], result.Points.Select(p =>
                    (IReadOnlyList<string>)[p.Sum, Text(p.Lambda), NumberText.Of(p.Loss, "0.0000"),
                        NumberText.Of(p.Accuracy, "0.0 %")]));
        return page.Heading("By tensor").Table(
            ["tensor", "numbers#", .. result.Models.Select(m => $"norm {m.Name}#"), "sign conflicts#"],
            result.Tensors.Select(t => (IReadOnlyList<string>)[t.Tensor!,
                t.Numbers.ToString(CultureInfo.InvariantCulture), .. t.Norms.Select(Text),
                Share(t.SignConflicts)]));
    }

    static string Text(double value) => NumberText.Of(value, "0.####");

    static string Share(double? share) => share is { } given ? NumberText.Of(given, "0.0 %") : "none";
}
