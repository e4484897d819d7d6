using System.CommandLine;
using HeadTap.Unlearn;

namespace HeadTap.Cli;

/// <summary><c>unlearn report</c>: writes a sweep as a table and a page.</summary>
sealed class UnlearnReportCommand
{
    readonly Option<string> _sweeps = new PathOption<string>("--sweep", PathUse.Reads)
    {
        Description = "folders that unlearn sweep wrote, with commas between: several are the same sweep on "
            + "data and models of several seeds, and their rows are averaged",
        HelpName = "DIR,DIR", HasCommas = true, Required = true,
    };
    readonly Option<string> _out = new PathOption<string>("--out", PathUse.WritesFile)
    {
        Description = "the page", HelpName = "FILE.html", Required = true,
    };
    readonly Option<string> _rule = new("--rule")
    {
        Description = "how the best setting of a method is chosen: accuracy (TinyMem) or perplexity (Pythia)",
        DefaultValueFactory = _ => "accuracy", HelpName = "NAME",
    };
    readonly Option<bool> _padded = new("--padded")
    {
        Description = "accuracy with padding counted, as the published one is",
    };
    readonly Option<string?> _published = new("--published")
    {
        Description = "stand beside published figures, where the sweep is of that cell: "
            + string.Join(", ", PublishedCell.All.Select(c => c.Name)),
        HelpName = "NAME",
    };

    internal static Command Create(GlobalOptions global) => new UnlearnReportCommand().Make(global);

    Command Make(GlobalOptions global)
    {
        var command = new Command("report",
            "A sweep as a page: the table of methods, memorisation against accuracy, where each edited");
        foreach (Option option in (Option[])[_sweeps, _out, _rule, _padded, _published])
            command.Options.Add(option);
        command.SetAction(parsed => Run(global.Of(parsed), parsed));
        return command;
    }

    int Run(Invocation run, ParseResult parsed)
    {
        var options = new UnlearnReportOptions
        {
            Sweep = parsed.GetValue(_sweeps)!.Split(','), Rule = parsed.GetValue(_rule)!,
            Padded = parsed.GetValue(_padded), Published = parsed.GetValue(_published),
            Out = parsed.GetValue(_out)!,
        };
        UnlearnTable.Print(run, run.RunJob(context => UnlearnReportJob.Run(options, context)),
            options.Padded);
        return ExitCode.Done;
    }
}
