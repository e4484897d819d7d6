using System.Globalization;
using HeadTap.Models;
using HeadTap.Reports;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>The losses of a training as a picture beside its metrics.</summary>
static class LossCurve
{
    const int MostPoints = 200;

    /// <summary>The picture's name in the folder.</summary>
    internal const string File = "loss.svg";

    /// <summary>Draws the rows of a run so far. The file is written whole or not at all.</summary>
    /// <param name="metrics">File of the rows; the picture gets into its folder.</param>
    /// <exception cref="Runtime.UserException">The folder cannot be written.</exception>
    internal static void Write(string metrics)
        => AtomicFile.WriteText(Path.Combine(Path.GetDirectoryName(metrics)!, File),
            Draw([.. TrainingRow.Read(metrics)]) + "\n");

    /// <summary>Draws rows; a point of the training loss is the mean of equally many steps.</summary>
    internal static string Draw(IReadOnlyList<TrainingRow> rows)
    {
        int width = Math.Max(1, (rows.Count + MostPoints - 1) / MostPoints);
        string mean = width == 1 ? ""
            : string.Create(CultureInfo.InvariantCulture, $", mean of {Counted.Of(width, "step")}");
        List<ChartCurve> curves =
        [
            new("training" + mean, [.. rows.Chunk(width)
                .Select(steps => ((double)steps[^1].Step, steps.Average(step => step.Loss)))]),
        ];
        if (rows.Any(row => row.ValidationLoss is not null))
            curves.Add(new("validation", [.. rows.Where(row => row.ValidationLoss is not null)
                .Select(row => ((double)row.Step, row.ValidationLoss!.Value))]));
        return SvgChart.Curves("Loss of the training", new ChartAxes("steps", "loss, nats per token"), curves,
            "0.0000");
    }
}
