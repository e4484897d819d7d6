using System.CommandLine;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary><c>lens read</c>: reads the output of each head at a position of a prompt as tokens.</summary>
sealed class LensReadCommand
{
    const int LargestChanges = 10;

    readonly PromptOptions _prompt = new();
    readonly LensPlaceOptions _places = new(top: 5);
    readonly Option<string> _position = new("--position")
    {
        Description = "the position, from 0; -1 is the last and -2 the one before it", HelpName = "P|last",
        DefaultValueFactory = _ => "last",
    };
    readonly Option<string?> _edit = TraceCommand.EditOption();
    readonly Option<bool> _ablation = new("--ablation")
    {
        Description = "also remove each head, and print how log p of the token that favours are of changes",
    };
    readonly Option<string?> _removal = LensEvalCommand.RemovalOption();
    readonly Option<bool> _grid = new("--grid")
    {
        Description = "also read the stream at every layer and position: token, probability, entropy, rank",
    };
    readonly Option<string?> _other = PromptOptions.OtherOption();
    readonly Option<string?> _out = new PathOption<string?>("--out", PathUse.WritesFile)
    {
        Description = "a page with all positions to click through", HelpName = "REPORT.html",
    };

    internal static Command Create(GlobalOptions global) => new LensReadCommand().Make(global);

    Command Make(GlobalOptions global)
    {
        var command = new Command("read", "Tokens that each head points at: the lens beside the logit lens "
            + "beside the model's own next token");
        _prompt.AddTo(command);
        _places.AddTo(command);
        foreach (Option option in (Option[])[_position, _edit, _ablation, _removal, _grid, _other,
            _out])
            command.Options.Add(option);
        command.SetAction(parsed => Run(global.Of(parsed), new LensReadOptions
        {
            Prompt = _prompt.Request(parsed),
            Places = _places.Read(parsed),
            Edit = parsed.GetValue(_edit),
            Position = parsed.GetValue(_position)!,
            Ablation = parsed.GetValue(_ablation),
            AblationTo = parsed.GetValue(_removal),
            Grid = parsed.GetValue(_grid),
            Other = parsed.GetValue(_other),
            Out = parsed.GetValue(_out),
        }));
        return command;
    }

    static int Run(Invocation run, LensReadOptions options)
    {
        IReadOnlyList<LensReadResult> all = run.RunJob(context => LensReadJob.All(options, context));
        if (run.Json && all is [var one])
            run.WriteJson(one, LensJobsJson.Default.LensReadResult);
        else if (run.Json)
            run.WriteJson(all, LensJobsJson.Default.IReadOnlyListLensReadResult);
        else
            foreach (LensReadResult found in all)
                Print(run, found, options);
        if (options.Out is { } page)
            run.Remark($"written: {page}");
        return ExitCode.Done;
    }

    static void Print(Invocation run, LensReadResult found, LensReadOptions options)
    {
        run.Line($"lens      {found.LensLine}");
        run.Line($"position  {found.Position} of {found.Tokens.Count}, after "
            + VisibleText.Of(found.Texts[found.Position]));
        run.Line($"model     {LensWriting.List(found.Model)}");
        if (found.Other is { } other)
            run.Line($"other     {LensWriting.List(other.Model)}");
        foreach (LensReadPlace whole in found.Layers)
            PrintLayer(run, found, whole);
        string token = VisibleText.Of(found.Model[0].Text);
        string whose = found.Other is null ? "the model's" : "the first model's";
        run.Remark($"favour: lens logit of {token}, {whose} own next token, less the mean over the "
            + "vocabulary");
        if (found.Ablation is { } ablation)
        {
            run.Remark($"effect: change of log p({token}) when the head's results become "
                + (ablation.To == "mean" ? "their mean over the prompt" : "zero"));
            run.Line(Agreement(ablation, found.IsLogitLens));
        }
        if (found.Other?.Ablation is { } second)
            run.Line(Agreement(second, found.IsLogitLens) + " in the other model");
        if (found.Other is not null)
            PrintChanges(run, found);
        if (options.Grid)
        {
            foreach (LensGrid grid in found.Grid!)
                PrintGrid(run, grid.Lens, grid, found.Texts);
            foreach (LensGrid grid in found.Other?.Grid ?? [])
                PrintGrid(run, $"{grid.Lens}, other model", grid, found.Texts);
        }
    }

    static void PrintLayer(Invocation run, LensReadResult found, LensReadPlace whole)
    {
        bool both = !found.IsLogitLens, removed = found.Ablation is not null;
        Table table = Invocation.Table([$"layer {whole.Layer}", "favour",
            .. removed ? (string[])["effect"] : [], .. both ? (string[])["the lens"] : [], "logit lens"]);
        foreach (TableColumn column in table.Columns.Skip(removed ? 3 : 2))
            column.LeftAligned();
        LensReadPlace[] heads = [.. found.Heads.Where(h => h.Layer == whole.Layer)];
        foreach (LensReadPlace head in heads)
            Row($"head {head.Head}", head);
        Row(heads.Length == 0 || found.ReadsStream ? "stream" : "all heads", whole);
        run.Draw(table);

        void Row(string name, LensReadPlace place) => Invocation.Row(table,
            [name, LensWriting.Favour(place.Favour),
            .. removed ? (string[])[place.Effect is { } effect ? LensWriting.Effect(effect) : ""] : [],
            .. both ? (string[])[LensWriting.List(place.Top)] : [], LensWriting.List(place.LogitLens)]);
    }

    static string Agreement(LensReadAblation ablation, bool isLogitLens)
        => "rank correlation of favour and fall of log p: "
            + LensWriting.Correlation(ablation.RankCorrelation)
            + (isLogitLens ? "" : $", by the logit lens {LensWriting.Correlation(ablation.LogitLens)}");

    static void PrintChanges(Invocation run, LensReadResult found)
    {
        LensReadOther other = found.Other!;
        bool removed = found.Ablation is not null, heads = found.Heads.Count > 0;
        Table table = Invocation.Table(["changed", "favour", "other's", "change",
            .. removed ? (string[])["effect", "other's", "change"] : [], "the lens", "other's"]);
        foreach (TableColumn column in table.Columns.Skip(removed ? 7 : 4))
            column.LeftAligned();
        foreach (LensReadChange change in other.Changes.Take(LargestChanges))
        {
            LensReadPlace one = Of(heads ? found.Heads : found.Layers);
            LensReadPlace two = Of(heads ? other.Heads : other.Layers);
            Invocation.Row(table, [change.Head is { } h ? $"{change.Layer}.{h}" : $"layer {change.Layer}",
                LensWriting.Favour(one.Favour), LensWriting.Favour(two.Favour),
                LensWriting.Favour(change.Favour),
                .. removed ? (string[])[LensWriting.Effect(one.Effect!.Value),
                    LensWriting.Effect(two.Effect!.Value), LensWriting.Effect(change.Effect!.Value)] : [],
                LensWriting.List(one.Top), LensWriting.List(two.Top)]);

            LensReadPlace Of(IReadOnlyList<LensReadPlace> places)
                => places.Single(p => p.Layer == change.Layer && p.Head == change.Head);
        }
        run.Draw(table);
    }

    static void PrintGrid(Invocation run, string name, LensGrid grid, IReadOnlyList<string> texts)
    {
        Table table = Invocation.Table(
            [name, .. texts.Select((text, t) => $"{t} {VisibleText.Of(text)}")]);
        foreach (TableColumn column in table.Columns.Skip(1))
            column.LeftAligned();
        foreach (LensGridRow row in grid.Rows)
            Invocation.Row(table, [row.Place, .. row.Cells.Select(cell
                => $"{VisibleText.Of(cell.Text)} {cell.P:P0}")]);
        run.Draw(table);
    }
}
