using System.CommandLine;
using HeadTap.Runtime;
using HeadTap.Unlearn;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary><c>unlearn measure</c>: measures which sequences a model recites.</summary>
sealed class UnlearnMeasureCommand
{
    readonly Option<string> _model = PromptOptions.ModelOption(required: true);
    readonly Option<string> _sequences = new PathOption<string>("--sequences", PathUse.Reads)
    {
        Description = "a row each, .jsonl, .json or .csv: {\"ids\": [...]}, {\"text\": \"...\"}, or a prompt "
            + "and its continuation (question and answer, input and output, ...); and perhaps clean_ids, "
            + "group, prompt",
        HelpName = "F.jsonl", Required = true,
    };
    readonly RecitalOptions _recital = new();
    readonly Option<string?> _edit = TraceCommand.EditOption();
    readonly Option<string[]> _after = AfterOption();
    readonly Option<string?> _memorised = new PathOption<string?>("--memorised-out", PathUse.WritesFile)
    {
        Description = "writes the sequences that the model recites, to forget them", HelpName = "F.jsonl",
    };
    readonly Option<string?> _rows = new PathOption<string?>("--rows-out", PathUse.WritesFile)
    {
        Description = "writes a line of JSON a sequence: recited, similarity, what was written",
        HelpName = "F.jsonl",
    };

    internal static Command Create(GlobalOptions global) => new UnlearnMeasureCommand().Make(global);

    internal static Option<string[]> AfterOption() => new("--after")
    {
        Description = "also measures with the weights rounded or pruned, in memory: quantise:int8, "
            + "quantise:int4, prune:P; may be repeated",
        HelpName = "COMPRESSION",
    };

    Command Make(GlobalOptions global)
    {
        var command = new Command("measure",
            "Which sequences greedy decoding continues as they were planted, token for token and nearly");
        command.Options.Add(_model);
        command.Options.Add(_sequences);
        _recital.AddTo(command);
        command.Options.Add(_edit);
        command.Options.Add(_after);
        command.Options.Add(_memorised);
        command.Options.Add(_rows);
        command.SetAction(parsed => Run(global.Of(parsed), parsed));
        return command;
    }

    int Run(Invocation run, ParseResult parsed)
    {
        var options = new UnlearnMeasureOptions
        {
            Model = parsed.GetValue(_model)!, Sequences = parsed.GetValue(_sequences)!,
            Recital = _recital.Read(parsed), Edit = parsed.GetValue(_edit),
            After = parsed.GetValue(_after) ?? [],
            MemorisedOut = parsed.GetValue(_memorised),
            RowsOut = parsed.GetValue(_rows),
        };
        UnlearnMeasureResult result = run.RunJob(context => UnlearnMeasureJob.Run(options, context));
        if (run.Json)
            return run.WriteJson(result, UnlearnJobsJson.Default.UnlearnMeasureResult);
        Print(run, result);
        return ExitCode.Done;
    }

    static void Print(Invocation run, UnlearnMeasureResult found)
    {
        run.Line($"{Counted.Of(found.Sequences, "sequence")}, {found.Asked} asked: {Tokens(found.Given)} "
            + $"given, {Ends(found.Written)} to write");
        run.Line($"memorised   {found.Memorised:P2}");
        run.Line($"loose       {found.Loose:P2} (at least {Memorisation.LooseSimilarity:P0} alike)");
        run.Line($"similarity  {found.Similarity:0.000}");
        if (found.HasClean)
            run.Line($"correct     {found.Correct:P2} (as the clean version goes on)");
        if (found.Groups.Count > 1)
        {
            Table table = Invocation.Table("copies", "asked", "memorised");
            foreach (RecitedGroup group in found.Groups)
                Invocation.Row(table, $"10^{group.Group}", $"{group.Asked}", $"{group.Memorised:P2}");
            run.Draw(table);
        }

        if (found.After is { } after)
        {
            Table table = Invocation.Table("after", "memorised", "loose", "similarity", "back");
            foreach (RecitedAfter row in after)
                Invocation.Row(table, row.After, $"{row.Memorised:P2}", $"{row.Loose:P2}",
                    $"{row.Similarity:0.000}", $"{row.Back}");
            run.Draw(table);
        }

        static string Tokens((int Least, int Most) n)
            => (n.Least == n.Most ? "" : $"{n.Least} to ") + Counted.Of(n.Most, "token");

        static string Ends((int Least, int Most) n)
            => n.Least == n.Most ? $"{n.Least}" : $"{n.Least} to {n.Most}";
    }
}
