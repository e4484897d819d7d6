using System.CommandLine;
using System.Globalization;
using HeadTap.Circuits;
using HeadTap.Runtime;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary><c>heads</c>: where every head looks, what it does to the loss, what it writes.</summary>
sealed class HeadsCommand
{
    readonly Option<string> _model = PromptOptions.ModelOption(required: true);
    readonly TextOrBatchOptions _text = new();
    readonly Option<int?> _random = GlobalOptions.OptionalNumber<int>("--random-tokens",
        "instead of a text: so many random tokens, said twice, in each window");
    readonly Option<int?> _sequences = GlobalOptions.OptionalNumber<int>("--sequences",
        "windows of random tokens; 16 unless given");
    readonly Option<int> _context = GlobalOptions.Number("--context", 0,
        "tokens of a window of the text; 0 takes 512, or the model's context where that is shorter");
    readonly Option<int> _ablation = GlobalOptions.Number("--ablation-windows", 16,
        "windows, drawn from all, on which each head is replaced by its mean; 0 ablates none");
    readonly Option<int> _examples = GlobalOptions.Number("--examples", 5,
        "windows in which a head writes most, kept for each head");
    readonly Option<string?> _other = PromptOptions.OtherOption();
    readonly Option<string?> _lens = new PathOption<string?>("--lens", PathUse.Reads)
    {
        Description = "reads these examples as words: a folder that lens train wrote, or logit",
        HelpName = "DIR|logit",
    };
    readonly Option<string> _lensOf = LensPlaceOptions.LensOfOption();
    readonly Option<int> _top = GlobalOptions.Number("--top", 5, "words of each head");
    readonly Option<bool> _raw = new("--raw-weights")
    {
        Description = "composition scores of the weights as they are; else the LayerNorm before a head is "
            + "folded into what it reads",
    };
    readonly Option<string?> _sort = new("--sort")
    {
        Description = "sort the table by a column, largest first; by layer and head unless given",
        HelpName = "COLUMN",
    };
    readonly Option<string?> _out = Writes("--out", "a page with a card for each head", "REPORT.html");
    readonly Option<string?> _csv = Writes("--csv", "a table with a row for each head", "FILE.csv");
    readonly Option<string?> _composition = Writes("--composition",
        "all composition scores: Q, K, V by the head that writes by the head that reads", "FILE.npy");
    readonly Option<string?> _headvis = new PathOption<string?>("--headvis", PathUse.WritesFolder)
    {
        Description = "a new folder of JSON files that HeadVis' viewer opens", HelpName = "DIR",
    };

    internal static Command Create(GlobalOptions global) => new HeadsCommand().Make(global);

    Command Make(GlobalOptions global)
    {
        var command = new Command("heads", "Where every head looks in a text, what the loss is without it, "
            + "what it writes where it is most active, which heads it reads")
        {
            _model,
        };
        _text.AddTo(command);
        foreach (Option option in (Option[])[_random, _sequences, _context, _ablation, _examples, _other,
            _lens, _lensOf, _top, _raw, _sort, _out, _csv, _composition, _headvis])
            command.Options.Add(option);
        command.SetAction(parsed => Run(global.Of(parsed), Options(parsed), parsed.GetValue(_sort)));
        return command;
    }

    HeadsOptions Options(ParseResult parsed) => new()
    {
        Model = parsed.GetValue(_model)!,
        Text = new HeadsTextRequest
        {
            Text = _text.Read(parsed), RandomTokens = parsed.GetValue(_random),
            Sequences = parsed.GetValue(_sequences), Context = parsed.GetValue(_context),
        },
        AblationWindows = parsed.GetValue(_ablation), Examples = parsed.GetValue(_examples),
        Other = parsed.GetValue(_other),
        Lens = parsed.GetValue(_lens), LensOf = parsed.GetValue(_lensOf)!, Top = parsed.GetValue(_top),
        RawWeights = parsed.GetValue(_raw), Composition = parsed.GetValue(_composition),
        Out = parsed.GetValue(_out), Csv = parsed.GetValue(_csv), Headvis = parsed.GetValue(_headvis),
    };

    static int Run(Invocation run, HeadsOptions options, string? sort)
    {
        HeadColumn? by = sort is null ? null : HeadColumns.Find(sort) ?? throw new UserException(
            $"--sort is {Quoted.Name(sort)}; expected "
            + string.Join(", ", HeadColumns.All.Select(c => c.Label.Contains(' ') ? c.Name : c.Label)));
        if (by?.Name.StartsWith("ablation", StringComparison.Ordinal) == true && options.AblationWindows == 0)
            throw new UserException("--sort is ablation, and --ablation-windows 0 ablates no head; expected "
                + "another column, or windows");
        HeadsResult result = run.RunJob(context => HeadsJob.Run(options, context));
        if (run.Json)
            run.WriteJson(result.Heads, HeadsJson.Default.IReadOnlyListHeadResult);
        else if (result.Models is not null)
            PrintChanges(run, result, by ?? HeadChanges.Usual(result));
        else
            Print(run, result, by);
        foreach (string? written in new[] { options.Out, options.Csv, options.Composition, options.Headvis })
            if (written is not null)
                run.Remark($"written: {written}");
        return ExitCode.Done;
    }

    static void PrintTop(Invocation run, HeadsResult result)
    {
        run.Line($"text      {VisibleText.Line(result.TextName)}: {Counted.Of(result.Windows, "window")}, "
            + Counted.Of(result.Tokens, "token"));
        if (result.AblationWindows > 0)
            run.Line("ablation  loss without the head minus loss with it, nats a token, on "
                + Counted.Of(result.AblationWindows, "window"));
        if (result.LensLine is not null)
            run.Line($"words     {result.LensLine}");
    }

    static void PrintChanges(Invocation run, HeadsResult result, HeadColumn? by)
    {
        PrintTop(run, result);
        run.Line($"models    {result.Models!.Value.First}, and {result.Models.Value.Second} as the other");
        bool words = result.LensLine is not null;
        Table table = Invocation.Table(["head", .. by is null ? (string[])[]
            : [by.Label, "other's", "change"], "changed most",
            .. words ? (string[])["words", "other's"] : []]);
        foreach (TableColumn column in table.Columns.Skip(by is null ? 1 : 4))
            column.LeftAligned();
        foreach (HeadResult h in HeadChanges.Sorted(result.Heads, by))
            Invocation.Row(table, [$"{h.Layer}.{h.Head}", .. by is null ? (string[])[]
                : [by.Text(h), by.Text(h.Other!), HeadChanges.Of(by).Text(h)], HeadChanges.Text(h),
                .. words ? (string[])[Words(h), Words(h.Other!)] : []]);
        run.Draw(table);
    }

    static string Words(HeadResult head)
        => string.Join(' ', head.Words?.Select(w => VisibleText.Of(w.Text)) ?? []);

    static void Print(Invocation run, HeadsResult result, HeadColumn? by)
    {
        PrintTop(run, result);
        HeadColumn[] columns = [.. HeadColumns.All
            .Where(c => c == by || (!c.Name.EndsWith("share", StringComparison.Ordinal)
                && c.Name is not "qk_distance_variance" and not "prefix_matching_score"))
            .Where(c => result.Heads.Any(h => !double.IsNaN(c.Of(h))))];
        bool interval = result.Heads.Any(h => h.AblationLow is { } low && !double.IsNaN(low));
        bool words = result.LensLine is not null;
        Table table = Invocation.Table(["head", .. columns.Select(c => c.Label),
            .. interval ? (string[])["95 % interval"] : [], .. words ? (string[])["words"] : []]);
        if (words)
            table.Columns[^1].LeftAligned();
        foreach (HeadResult h in by is null ? result.Heads : HeadColumns.Sorted(result.Heads, by))
            Invocation.Row(table, [$"{h.Layer}.{h.Head}", .. columns.Select(c => c.Text(h)),
                .. interval ? (string[])[$"{Signed(h.AblationLow)} to {Signed(h.AblationHigh)}"] : [],
                .. words ? (string[])[Words(h)] : []]);
        run.Draw(table);
        foreach (IGrouping<CompositionKind, Composition> kind in result.Compositions.GroupBy(c => c.Kind))
            run.Line($"{kind.Key} composition  " + string.Join("  ", kind.Take(5).Select(c =>
                $"{c.FromLayer}.{c.FromHead} to {c.ToLayer}.{c.ToHead} {Number(c.Score)}")));
    }

    static string Signed(double? value)
        => value!.Value.ToString("+0.0000;-0.0000;0.0000", CultureInfo.InvariantCulture);

    static string Number(double value) => value.ToString("0.000", CultureInfo.InvariantCulture);

    static PathOption<string?> Writes(string name, string description, string help)
        => new(name, PathUse.WritesFile) { Description = description, HelpName = help };
}
