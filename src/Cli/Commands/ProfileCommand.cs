using System.CommandLine;
using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary><c>profile</c>: what each kind of tap costs, on one device or several.</summary>
static class ProfileCommand
{
    internal static Command Create(GlobalOptions global)
    {
        Option<string> model = PromptOptions.ModelOption(required: true);
        Option<int> rows = GlobalOptions.Number("--batch-size", 1, "rows of the batch");
        Option<int> tokens = GlobalOptions.Number("--tokens", 64, "tokens of a row");
        Option<int> repeats = GlobalOptions.Number("--repeats", 7, "timed passes of each kind");
        Option<string?> report = new("--report")
        {
            Description = "a page with the tables and charts; the charts also as F.DEVICE.svg",
            HelpName = "F.html",
        };
        var command = new Command("profile",
            "Time and memory of forward passes with each kind of recording; --device takes several, as "
            + "cpu,opencl")
        {
            model, rows, tokens, repeats, report,
        };
        command.SetAction(parsed => Run(global.Of(parsed), parsed.GetValue(model)!, parsed.GetValue(rows),
            parsed.GetValue(tokens), parsed.GetValue(repeats), parsed.GetValue(report)));
        return command;
    }

    static int Run(Invocation run, string folder, int rows, int tokens, int repeats, string? report)
    {
        ModelConfig config = ModelFolder.ReadConfig(folder);
        Require("--batch-size", rows, 1 << 16);
        Require("--tokens", tokens, config.ContextLength);
        Require("--repeats", repeats, 100_000);
        if (report is not null)
            AtomicFile.RequireWritable(report);
        foreach (string name in run.DeviceNames)
            run.OpenDevice(name).Dispose(); // a device that does not exist is refused before any is timed
        var found = new List<DeviceTapCosts>();
        foreach (string name in run.DeviceNames)
            found.Add(Measure(run, name, folder, rows, tokens, repeats));
        string caption = $"{rows} x {tokens} tokens, {repeats} repeats in turns";
        if (report is not null)
            ProfileReport.Save(report, folder, caption, found);
        if (run.Json)
            run.WriteJson(new JsonObject
            {
                ["batch_size"] = rows,
                ["tokens"] = tokens,
                ["repeats"] = repeats,
                ["devices"] = new JsonArray([.. found.Select(Json)]),
            });
        else
            Print(run, found, caption, report);
        return ExitCode.Done;
    }

    static DeviceTapCosts Measure(Invocation run, string name, string folder, int rows,
        int tokens, int repeats)
    {
        using ComputeDevice device = run.OpenDevice(name);
        using LoadedModel loaded = LoadedModel.Open(run, device, folder);
        IReadOnlyList<TapCost> costs = [];
        run.WithProgress($"timing {device.Name}", report => costs = TapProfile.Measure(
            loaded.Model, rows, tokens, repeats, run.Seed, (done, total) =>
            {
                run.Cancel.ThrowIfCancellationRequested();
                report((double)done / total, "");
            }));
        return new(device.Name, device.Entry.Description, costs);
    }

    static JsonObject Json(DeviceTapCosts found) => new()
    {
        ["device"] = found.Device,
        ["description"] = found.Description,
        ["taps"] = new JsonArray([.. found.Costs.Select(c => new JsonObject
        {
            ["recorded"] = c.Name,
            ["median_ms"] = c.MedianSeconds * 1e3,
            ["fastest_ms"] = c.FastestSeconds * 1e3,
            ["slowest_ms"] = c.SlowestSeconds * 1e3,
            ["overhead"] = c.Overhead,
            ["overhead_lower_quartile"] = c.OverheadLow,
            ["overhead_upper_quartile"] = c.OverheadHigh,
            ["recorded_bytes"] = c.RecordedBytes,
            ["memory_bytes"] = c.MemoryBytes,
        })]),
    };

    static void Print(Invocation run, List<DeviceTapCosts> found, string caption, string? report)
    {
        foreach (DeviceTapCosts device in found)
        {
            Table table = Invocation.Table([.. ProfileReport.Columns.Select(c => c.TrimEnd('#'))]);
            foreach (string[] row in ProfileReport.Rows(device))
                Invocation.Row(table, row);
            run.Draw(table);
            run.Line($"{caption} on {device.Device}");
        }
        if (report is not null)
            run.Line($"report   {report}");
    }

    static void Require(string option, int value, int most)
    {
        if (value < 1 || value > most)
            throw new UserException($"{option} is {value}; expected 1 to {most}");
    }
}
