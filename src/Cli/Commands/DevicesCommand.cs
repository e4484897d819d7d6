using System.CommandLine;
using HeadTap.Runtime;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary>
/// <c>devices</c>: lists the devices that were found, and those that cannot be used with the reason.
/// </summary>
static class DevicesCommand
{
    internal static Command Create(GlobalOptions global)
    {
        var verbose = new Option<bool>("--verbose")
        {
            Description = "limits of a group and of a buffer, vector width, driver",
        };
        var command = new Command("devices",
            "List the devices that were found and those refused, with the reason")
        {
            verbose,
        };
        command.SetAction(parsed => Run(global.Of(parsed), parsed.GetValue(verbose)));
        return command;
    }

    static int Run(Invocation run, bool verbose)
    {
        IReadOnlyList<FoundDevice> all = DevicesJob.Run();
        if (run.Json)
            return run.WriteJson(all, ModelJobsJson.Default.IReadOnlyListFoundDevice);
        Table table = new Table().Border(TableBorder.Simple);
        foreach (string column in verbose
            ? (string[])["device", "", "memory", "largest buffer", "group", "shared by it",
                "what it is", "details"]
            : ["device", "", "memory", "what it is"])
            table.AddColumn(new TableColumn(new Text(column)));
        foreach (FoundDevice d in all)
        {
            string memory = Bytes(d.MemoryBytes);
            string state = !d.Usable ? "refused" : d.Auto ? "auto" : "found";
            string text = d.Refusal is null ? d.Description
                : d.Description.Length > 0 ? $"{d.Description}: {d.Refusal}" : d.Refusal;
            if (verbose)
                Invocation.Row(table, d.Name, state, memory, Bytes(d.LargestBufferBytes),
                    d.GroupSize > 0 ? $"{d.GroupSize}" : "", Bytes(d.SharedBytes), text, d.Details);
            else
                Invocation.Row(table, d.Name, state, memory, text);
        }
        run.Draw(table);
        return ExitCode.Done;
    }

    static string Bytes(long bytes) => bytes > 0 ? MemoryPlan.Text(bytes) : "";
}
