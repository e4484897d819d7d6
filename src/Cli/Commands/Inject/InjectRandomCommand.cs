using System.CommandLine;
using HeadTap.Inject;
using HeadTap.Runtime;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary>
/// <c>inject random</c>: compares memories that are unrelated to the question with the curated ones.
/// </summary>
sealed class InjectRandomCommand
{
    readonly PairOptions _pairs = new();
    readonly Option<string> _categories = new("--category")
    {
        Description = "random-tokens, other-bridges and, with --words, the categories of the file; several "
            + "with commas",
        DefaultValueFactory = _ => $"{MemoryCategory.RandomTokens},{MemoryCategory.OtherBridges}",
    };
    readonly Option<string?> _words = new PathOption<string?>("--words", PathUse.Reads)
    {
        Description = "word lists: a .csv with the published columns, or a file with a word a line (words)",
        HelpName = "F",
    };
    readonly Option<int> _count = GlobalOptions.Number("--count", 40, "words of each category");
    readonly Option<string> _layer = new("--layer")
    {
        Description = "the layer of the curated memory, from 0; with --drawn several, or all",
        HelpName = "L", Required = true,
    };
    readonly Option<string> _tau = new("--tau")
    {
        Description = "the magnitude; with --drawn several, as 1-15", DefaultValueFactory = _ => "3",
        HelpName = "N",
    };
    readonly Option<bool> _drawn = new("--drawn")
    {
        Description = "draw a word for every pair, layer and magnitude in place of each word for every pair",
    };
    readonly Option<string> _placement = new("--placement")
    {
        Description = "corrected (random memories in the curated one's layer) or published (one layer later, "
            + "as in the published runs)",
        DefaultValueFactory = _ => "corrected",
    };
    readonly Option<bool> _sameNorm = new("--same-norm")
    {
        Description = "scale each random vector to the length of the pair's curated one",
    };
    readonly Option<string> _encoder = new("--encoder")
    {
        Description = "unembed, embed, layer or jacobian", DefaultValueFactory = _ => "unembed",
    };
    readonly Option<string?> _lens = JacobianLensOption.Create();
    readonly Option<string?> _out = new PathOption<string?>("--out", PathUse.WritesFile)
    {
        Description = "a row for every word and pair, with a manifest beside it", HelpName = "F.jsonl",
    };

    internal static Command Create(GlobalOptions global) => new InjectRandomCommand().Make(global);

    Command Make(GlobalOptions global)
    {
        var command = new Command("random", "Random memories beside the curated ones");
        _pairs.AddTo(command);
        foreach (Option option in (Option[])[_categories, _words, _count, _layer, _tau, _drawn, _placement,
            _sameNorm, _encoder, _lens, _out])
            command.Options.Add(option);
        command.SetAction(parsed => Run(global.Of(parsed), parsed));
        return command;
    }

    int Run(Invocation run, ParseResult parsed)
    {
        var options = new InjectRandomOptions
        {
            Pairs = _pairs.Read(parsed),
            Category = parsed.GetValue(_categories)!,
            Words = parsed.GetValue(_words),
            Count = parsed.GetValue(_count),
            Layer = parsed.GetValue(_layer)!,
            Tau = parsed.GetValue(_tau)!,
            Drawn = parsed.GetValue(_drawn),
            Placement = parsed.GetValue(_placement)!,
            SameNorm = parsed.GetValue(_sameNorm),
            Encoder = parsed.GetValue(_encoder)!,
            Lens = parsed.GetValue(_lens),
            Out = parsed.GetValue(_out),
        };
        InjectRandomResult result = run.RunJob(context => InjectRandomJob.Run(options, context));
        if (run.Json)
            return run.WriteJson(result, InjectJobsJson.Default.InjectRandomResult);
        if (result.Drawn is { } drawn)
            Print(run, result, drawn);
        else
            Print(run, result, result.Cell!.Value.Options, result.Cell.Value.Found);
        if (options.Out is not null)
            run.Remark($"written: {options.Out}");
        return ExitCode.Done;
    }

    static void Print(
        Invocation run, InjectRandomResult result, RandomMemoryOptions options, RandomMemories found)
    {
        Table table = Invocation.Table(
            "memories", "words", "trimmed mean", "median", "mean p", "mean p after", "rank 1");
        foreach (CategoryOfCell c in result.Categories.Cast<CategoryOfCell>())
            Invocation.Row(table, c.Category, $"{c.Words}", SignedPercent.Of(c.TrimmedMean),
                SignedPercent.Of(c.Median), SignedPercent.Of(c.MeanProbabilityChange),
                $"{c.MeanProbabilityAfter:P2}", $"{c.ShareFirst:P1}");
        run.Draw(table);
        string layers = options.RandomLayer == options.Layer ? $"layer {options.Layer}"
            : $"curated in layer {options.Layer}, random in layer {options.RandomLayer}";
        run.Line($"{Counted.Of(result.Pairs, "pair")}, {layers}, tau {options.Tau}; before: mean p "
            + $"{result.ProbabilityBefore:P2}, rank 1 "
            + $"{(double)found.Before.Count(b => b.Rank == 1) / found.Before.Count:P1}");
    }

    static void Print(Invocation run, InjectRandomResult result, IReadOnlyList<DrawnMemories> found)
    {
        Table table = Invocation.Table(
            "memories", "mean over cells", "best cell", "its trimmed mean", "its mean p", "worst");
        foreach (DrawnMemories c in found)
        {
            DrawnCell best = c.Cells.MaxBy(cell => cell.Gain.TrimmedMean)!;
            Invocation.Row(table, c.Name,
                SignedPercent.Of(c.Cells.Average(cell => cell.Gain.TrimmedMean)),
                $"layer {best.Layer}, tau {best.Tau}", SignedPercent.Of(best.Gain.TrimmedMean),
                SignedPercent.Of(best.Gain.ProbabilityChange),
                SignedPercent.Of(c.Cells.Min(cell => cell.Gain.TrimmedMean)));
        }
        run.Draw(table);
        run.Line($"{Counted.Of(result.Pairs, "pair")}, {Counted.Of(found[0].Cells.Count, "cell")}; before: "
            + $"mean p {result.ProbabilityBefore:P2}");
    }
}
