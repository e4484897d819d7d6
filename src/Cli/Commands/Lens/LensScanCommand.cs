using System.CommandLine;
using System.Globalization;
using HeadTap.Lens;
using HeadTap.Runtime;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary><c>lens scan</c>: counts the words of a list among the tokens of each head.</summary>
sealed class LensScanCommand
{
    readonly PromptOptions _prompt = new(lines: true);
    readonly LensPlaceOptions _places = new(top: 50);
    readonly Option<string> _words = new PathOption<string>("--words", PathUse.Reads)
    {
        Description = "a file of words, one a line; what follows a # is a comment", HelpName = "FILE",
        Required = true,
    };
    readonly Option<string?> _out = new PathOption<string?>("--out", PathUse.WritesFile)
    {
        Description = "a page with a map of layers and heads", HelpName = "REPORT.html",
    };

    internal static Command Create(GlobalOptions global) => new LensScanCommand().Make(global);

    Command Make(GlobalOptions global)
    {
        var command = new Command("scan", "Count the words of a list among the tokens that each head points "
            + "at after prompts: where in the model a subject lives");
        _prompt.AddTo(command);
        _places.AddTo(command);
        foreach (Option option in (Option[])[_words, _out])
            command.Options.Add(option);
        command.SetAction(parsed => Run(global.Of(parsed), new LensScanOptions
        {
            Prompt = _prompt.Request(parsed),
            Places = _places.Read(parsed),
            Words = parsed.GetValue(_words)!,
            Out = parsed.GetValue(_out),
        }));
        return command;
    }

    static int Run(Invocation run, LensScanOptions options)
    {
        LensScanResult result = run.RunJob(context => LensScanJob.Run(options, context));
        if (run.Json)
            run.WriteJson(result, LensJobsJson.Default.LensScanResult);
        else
            Print(run, result.Found!);
        if (options.Out is { } page)
            run.Remark($"written: {page}");
        return ExitCode.Done;
    }

    static void Print(Invocation run, LensScanFindings found)
    {
        run.Line($"lens      {found.Places.Text}");
        run.Line($"words     {found.Words}, of which {found.Spelled} "
            + $"{Counted.Verb(found.Spelled, "is", "are")} a token; {found.Listed} of "
            + $"{Counted.Of(found.Vocabulary, "token")} "
            + $"{Counted.Verb(found.Listed, "is", "are")} among them");
        run.Line($"prompts   {found.Prompts}; of the {Counted.Of(found.Places.Request.Top, "token")} of "
            + $"each head at the end of a prompt, mean number in the list (by chance {found.Chance:0.0})");
        foreach ((string name, WordScan scan) in found.Scans)
        {
            Table table = Invocation.Table([name, .. found.Columns]);
            foreach (IGrouping<int, ScannedHead> layer in scan.Heads.GroupBy(h => h.Layer))
                Invocation.Row(table, [$"layer {layer.Key}", .. layer.Select(h => Number(h.Mean))]);
            run.Draw(table);
        }
        Table best = Invocation.Table("layer", "most", "words", "which");
        best.Columns[3].LeftAligned();
        foreach (ScannedHead head in found.Scans.First().Scan.Best)
            Invocation.Row(best, $"{head.Layer}", LensScanFindings.Name(head), Number(head.Mean),
                found.List(head, 8));
        run.Draw(best);
    }

    static string Number(double mean) => mean.ToString("0.0", CultureInfo.InvariantCulture);
}
