using System.CommandLine;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary><c>profile</c>: measures the cost of each kind of tap, on one device or several.</summary>
static class ProfileCommand
{
    internal static Command Create(GlobalOptions global)
    {
        Option<string> model = PromptOptions.ModelOption(required: true);
        Option<int> rows = GlobalOptions.Number("--batch-size", 1, "rows of the batch");
        Option<int> tokens = GlobalOptions.Number("--tokens", 64, "tokens of a row");
        Option<int> repeats = GlobalOptions.Number("--repeats", 7, "timed passes of each kind");
        Option<string?> report = new PathOption<string?>("--report", PathUse.WritesFile)
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
        command.SetAction(parsed => Run(global.Of(parsed), new ProfileOptions
        {
            Model = parsed.GetValue(model)!,
            BatchSize = parsed.GetValue(rows),
            Tokens = parsed.GetValue(tokens),
            Repeats = parsed.GetValue(repeats),
            Report = parsed.GetValue(report),
        }));
        return command;
    }

    static int Run(Invocation run, ProfileOptions options)
    {
        ProfileResult found = run.RunJob(context => ProfileJob.Run(options, context));
        if (run.Json)
            return run.WriteJson(found, ModelJobsJson.Default.ProfileResult);
        foreach (DeviceTapCosts device in found.Devices)
        {
            Table table = Invocation.Table([.. ProfileReport.Columns.Select(c => c.TrimEnd('#'))]);
            foreach (string[] row in ProfileReport.Rows(device))
                Invocation.Row(table, row);
            run.Draw(table);
            run.Line($"{found.Caption} on {device.Device}");
        }
        if (options.Report is not null)
            run.Line($"report   {options.Report}");
        return ExitCode.Done;
    }
}
