using HeadTap.Models;
using HeadTap.Reports;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>The page and the tables of <see cref="ProfileJob"/>.</summary>
public static class ProfileReport
{
    /// <summary>The names of the columns; a # marks a column of numbers.</summary>
    public static IReadOnlyList<string> Columns { get; } =
        ["recorded", "median ms#", "fastest#", "slowest#", "overhead#", "its quartiles#",
            "bytes recorded#", "memory#"];

    /// <summary>Returns one row of cells per kind of recording.</summary>
    public static IEnumerable<string[]> Rows(DeviceTapCosts device)
    {
        ArgumentNullException.ThrowIfNull(device);
        return from c in device.Taps
               select (string[])
               [
                   c.Recorded, $"{c.MedianMs:0.00}", $"{c.FastestMs:0.00}", $"{c.SlowestMs:0.00}",
                   $"{c.Overhead:P1}", $"{c.OverheadLowerQuartile:P1} to {c.OverheadUpperQuartile:P1}",
                   MemoryPlan.Text(c.RecordedBytes), MemoryPlan.Text(c.MemoryBytes),
               ];
    }

    /// <summary>Writes the page, and each chart as a file beside it.</summary>
    internal static void Save(string path, string model, ProfileResult found)
    {
        var report = new HtmlReport("What a tap costs");
        string name = Path.GetFileName(Path.TrimEndingDirectorySeparator(model));
        report.Paragraph($"Forward passes of {name}, {found.Caption}. "
            + "Each kind of recording takes its turn after a pass without any; overheads are of a turn, and "
            + "the thin lines run "
            + "between their quartiles. Memory is that of weights and activations.");
        foreach (DeviceTapCosts device in found.Devices)
        {
            string chart = Chart(device);
            report.Heading($"{device.Device}: {device.Description}")
                .Figure(chart, "Time of a forward pass, relative to one without recording.")
                .Table(Columns, Rows(device));
            AtomicFile.WriteText(
                $"{Path.ChangeExtension(path, null)}.{device.Device.Replace(':', '-')}.svg", chart + "\n");
        }
        report.Save(path);
    }

    static string Chart(DeviceTapCosts device) => SvgChart.Bars($"Forward pass with taps on {device.Device}",
    [
        .. device.Taps.Select(c => new ChartBar(c.Recorded.Replace("hook_", "", StringComparison.Ordinal),
            1 + c.Overhead, c.Recorded is "hook_z" or "hook_result",
            (1 + c.OverheadLowerQuartile, 1 + c.OverheadUpperQuartile))),
    ], "0.00");
}
