using System.CommandLine;
using System.Text.Json.Nodes;
using HeadTap.Runtime;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary><c>profile</c>: what each kind of tap costs.</summary>
static class ProfileCommand
{
    internal static Command Create(GlobalOptions global)
    {
        Option<string> model = PromptOptions.ModelOption(required: true);
        Option<int> rows = GlobalOptions.Number("--batch-size", 1, "rows of the batch");
        Option<int> tokens = GlobalOptions.Number("--tokens", 64, "tokens of a row");
        Option<int> repeats = GlobalOptions.Number("--repeats", 7, "timed passes of each kind");
        var command = new Command("profile", "Time and memory of forward passes with each kind of recording")
        {
            model, rows, tokens, repeats,
        };
        command.SetAction(parsed => Run(global.Of(parsed), parsed.GetValue(model)!, parsed.GetValue(rows),
            parsed.GetValue(tokens), parsed.GetValue(repeats)));
        return command;
    }

    static int Run(Invocation run, string folder, int rows, int tokens, int repeats)
    {
        Gpt2Config config = Gpt2Folder.ReadConfig(folder);
        Require("--batch-size", rows, 1 << 16);
        Require("--tokens", tokens, config.ContextLength);
        Require("--repeats", repeats, 100_000);
        using ComputeDevice device = run.OpenDevice();
        using LoadedModel loaded = LoadedModel.Open(run, device, folder);
        IReadOnlyList<TapCost> costs = [];
        run.WithProgress("timing", report => costs = TapProfile.Measure(loaded.Model, rows, tokens, repeats, run.Seed,
            (done, total) =>
            {
                run.Cancel.ThrowIfCancellationRequested();
                report((double)done / total, "");
            }));
        if (run.Json)
            run.WriteJson(new JsonObject
            {
                ["device"] = device.Name,
                ["batch_size"] = rows,
                ["tokens"] = tokens,
                ["repeats"] = repeats,
                ["taps"] = new JsonArray([.. costs.Select(Json)]),
            });
        else
            Print(run, costs, $"{rows} x {tokens} tokens on {device.Name}, {repeats} repeats in turns");
        return ExitCode.Done;
    }

    static JsonObject Json(TapCost c) => new()
    {
        ["recorded"] = c.Name,
        ["median_ms"] = c.MedianSeconds * 1e3,
        ["fastest_ms"] = c.FastestSeconds * 1e3,
        ["slowest_ms"] = c.SlowestSeconds * 1e3,
        ["overhead"] = c.Overhead,
        ["recorded_bytes"] = c.RecordedBytes,
        ["memory_bytes"] = c.MemoryBytes,
    };

    static void Print(Invocation run, IReadOnlyList<TapCost> costs, string caption)
    {
        Table table = Invocation.Table("recorded", "median ms", "fastest", "slowest", "overhead", "bytes recorded", "memory");
        foreach (TapCost c in costs)
            Invocation.Row(table, c.Name, $"{c.MedianSeconds * 1e3:0.00}", $"{c.FastestSeconds * 1e3:0.00}",
                $"{c.SlowestSeconds * 1e3:0.00}", $"{c.Overhead:P1}", MemoryPlan.Text(c.RecordedBytes),
                MemoryPlan.Text(c.MemoryBytes));
        run.Draw(table);
        run.Line(caption);
    }

    static void Require(string option, int value, int most)
    {
        if (value < 1 || value > most)
            throw new UserException($"{option} is {value}; expected 1 to {most}");
    }
}
