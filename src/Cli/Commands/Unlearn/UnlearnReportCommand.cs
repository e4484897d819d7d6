using System.CommandLine;
using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;
using HeadTap.Unlearn;

namespace HeadTap.Cli;

/// <summary><c>unlearn report</c>: a sweep as a table and a page.</summary>
sealed class UnlearnReportCommand
{
    readonly Option<string> _sweeps = new("--sweep")
    {
        Description = "folders that unlearn sweep wrote, with commas between: several are the same sweep on "
            + "data and models of several seeds, and their rows are averaged",
        HelpName = "DIR,DIR", Required = true,
    };
    readonly Option<string> _out = new("--out")
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
        string[] folders = parsed.GetValue(_sweeps)!.Split(',');
        string target = parsed.GetValue(_out)!;
        SelectionRule rule = parsed.GetValue(_rule) switch
        {
            "accuracy" => SelectionRule.Accuracy,
            "perplexity" => SelectionRule.Perplexity,
            var word => throw new UserException(
                $"--rule is {Quoted.Name(word!)}; expected accuracy or perplexity"),
        };
        bool padded = parsed.GetValue(_padded);
        PublishedCell? published = parsed.GetValue(_published) is { } cell ? PublishedCell.Named(cell) : null;
        AtomicFile.RequireWritable(target);
        string[][] models = [.. folders.Select(Models)];
        for (int f = 1; f < folders.Length; f++)
            if (models[f].Length != models[0].Length)
                throw new UserException($"{Quoted.Path(folders[f])}: has {models[f].Length} checkpoints, "
                    + $"{Quoted.Path(folders[0])} {models[0].Length}; "
                    + "expected the same sweep on other seeds");
        // The models of several sweeps stand for one: every name that it has.
        string[] names = [.. models[0].Select((_, m) =>
            string.Join(", ", models.Select(sweep => sweep[m]).Distinct()))];
        List<SweepRow> rows = [.. folders.SelectMany(f => UnlearnSweepFolder.Read(f))];
        if (rows.Count == 0)
            throw new UserException($"{Quoted.Path(folders[0])}: no cell is done yet");
        if (rule == SelectionRule.Perplexity && rows.Any(r => r.Before is { Perplexity: null }))
            throw new UserException("--rule perplexity needs a keep set; the sweep had none");
        if (padded && rows.Any(r => r.Before is { } b && b.Tests.Any(t => t.PaddedAccuracy is null)))
            throw new UserException("--padded needs a sweep with --pad-token");
        IReadOnlyList<SweepSelection> found = SweepSelection.Of(rows, rule, padded);
        string title = published is null ? "Unlearning: methods beside each other"
            : $"Unlearning, beside the published 4-layer table: {published.Title}";
        new UnlearnReport(found, names, rule, padded, published).Page(title).Save(target);
        UnlearnTable.Print(run, found, names, padded);
        return ExitCode.Done;
    }

    static string[] Models(string folder)
        => UnlearnSweepFolder.ReadManifest(folder).Options["models"] is JsonArray models
            ? [.. models.Select(m => $"{m}")]
            : throw new UserException($"{Quoted.Path(folder)}: its manifest.json is not a sweep's");
}
