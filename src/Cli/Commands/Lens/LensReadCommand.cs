using System.CommandLine;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary><c>lens read</c>: reads the output of each head at a position of a prompt as tokens.</summary>
sealed class LensReadCommand
{
    readonly PromptOptions _prompt = new();
    readonly LensPlaceOptions _places = new(top: 5);
    readonly Option<string> _position = new("--position")
    {
        Description = "the position, from 0; -1 is the last and -2 the one before it", HelpName = "P|last",
        DefaultValueFactory = _ => "last",
    };
    readonly Option<string?> _edit = TraceCommand.EditOption();
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
        foreach (Option option in (Option[])[_position, _edit, _out])
            command.Options.Add(option);
        command.SetAction(parsed => Run(global.Of(parsed), new LensReadOptions
        {
            Prompt = _prompt.Request(parsed),
            Places = _places.Read(parsed),
            Edit = parsed.GetValue(_edit),
            Position = parsed.GetValue(_position)!,
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
                Print(run, found);
        if (options.Out is { } page)
            run.Remark($"written: {page}");
        return ExitCode.Done;
    }

    static void Print(Invocation run, LensReadResult found)
    {
        run.Line($"lens      {found.LensLine}");
        run.Line($"position  {found.Position} of {found.Tokens.Count}, after "
            + VisibleText.Of(found.Texts[found.Position]));
        run.Line($"model     {LensWriting.List(found.Model)}");
        bool both = !found.IsLogitLens;
        foreach (LensReadPlace whole in found.Layers)
        {
            Table table = Invocation.Table([$"layer {whole.Layer}", "favour",
                .. both ? (string[])["the lens"] : [], "logit lens"]);
            foreach (TableColumn column in table.Columns.Skip(2))
                column.LeftAligned();
            LensReadPlace[] heads = [.. found.Heads.Where(h => h.Layer == whole.Layer)];
            foreach (LensReadPlace head in heads)
                Row($"head {head.Head}", head);
            Row(heads.Length == 0 || found.ReadsStream ? "stream" : "all heads", whole);
            run.Draw(table);

            void Row(string name, LensReadPlace place) => Invocation.Row(table,
                [name, LensWriting.Favour(place.Favour), LensWriting.List(place.Top),
                .. both ? (string[])[LensWriting.List(place.LogitLens)] : []]);
        }
        run.Remark($"favour: lens logit of {VisibleText.Of(found.Model[0].Text)}, the model's own next "
            + "token, less the mean over the vocabulary");
    }
}
