using System.CommandLine;
using System.Globalization;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary><c>merge methods</c>: lists the methods with their parameters.</summary>
static class MergeMethodsCommand
{
    internal static Command Create(GlobalOptions global)
    {
        var command = new Command("methods",
            "List the methods with their parameters, ranges, defaults and papers");
        command.SetAction(parsed => Run(global.Of(parsed)));
        return command;
    }

    static int Run(Invocation run)
    {
        IReadOnlyList<MergeMethodRow> all = MergeMethodsJob.Run();
        if (run.Json)
            return run.WriteJson(all, MergeJobsJson.Default.IReadOnlyListMergeMethodRow);
        Table table = new Table().Border(TableBorder.Simple);
        foreach (string column in (string[])["method", "base", "models", "parameters", "paper"])
            table.AddColumn(new TableColumn(new Text(column)));
        foreach (MergeMethodRow m in all)
            Invocation.Row(table, m.Name, m.BaseModel, Models(m),
                string.Join("; ", m.Parameters.Select(Parameter)), m.Paper);
        run.Draw(table);
        return ExitCode.Done;
    }

    static string Models(MergeMethodRow m) => m.MostModels == m.FewestModels ? $"{m.FewestModels}"
        : m.MostModels is { } most ? $"{m.FewestModels} to {most}" : $"{m.FewestModels} or more";

    static string Parameter(MergeParameterRow p) => $"{p.Name} {p.Range} ({Absent(p)})";

    static string Absent(MergeParameterRow p) => p.Default is not { } absent ? "needed"
        : p.Range == "true or false" ? absent != 0 ? "true" : "false"
        : absent.ToString("0.########", CultureInfo.InvariantCulture);
}
