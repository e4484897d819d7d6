using HeadTap.Models;
using HeadTap.Reports;
using HeadTap.Runtime;

namespace HeadTap.Cli;

/// <summary>What each kind of recording costs on one device.</summary>
/// <param name="Device">Its name.</param>
/// <param name="Description">What it is.</param>
/// <param name="Costs">A row for each kind, no recording first.</param>
sealed record DeviceTapCosts(string Device, string Description, IReadOnlyList<TapCost> Costs);

/// <summary>The page that <c>profile --report</c> writes.</summary>
static class ProfileReport
{
    /// <summary>Of the table, on a terminal and on the page.</summary>
    internal static readonly string[] Columns =
        ["recorded", "median ms#", "fastest#", "slowest#", "overhead#", "its quartiles#",
            "bytes recorded#", "memory#"];

    internal static IEnumerable<string[]> Rows(DeviceTapCosts device) =>
        from c in device.Costs
        select (string[])
        [
            c.Name, $"{c.MedianSeconds * 1e3:0.00}", $"{c.FastestSeconds * 1e3:0.00}",
            $"{c.SlowestSeconds * 1e3:0.00}",
            $"{c.Overhead:P1}", $"{c.OverheadLow:P1} to {c.OverheadHigh:P1}",
            MemoryPlan.Text(c.RecordedBytes), MemoryPlan.Text(c.MemoryBytes),
        ];

    /// <summary>Writes the page, and each chart beside it.</summary>
    internal static void Save(string path, string model, string caption, IEnumerable<DeviceTapCosts> found)
    {
        var report = new HtmlReport("What a tap costs");
        string name = Path.GetFileName(Path.TrimEndingDirectorySeparator(model));
        report.Paragraph($"Forward passes of {name}, {caption}. "
            + "Each kind of recording takes its turn after a pass without any; overheads are of a turn, and "
            + "the thin lines run "
            + "between their quartiles. Memory is that of weights and activations.");
        foreach (DeviceTapCosts device in found)
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
        .. device.Costs.Select(c => new ChartBar(c.Name.Replace("hook_", "", StringComparison.Ordinal),
            1 + c.Overhead,
            c.Name is "hook_z" or "hook_result", (1 + c.OverheadLow, 1 + c.OverheadHigh))),
    ], "0.00");
}
