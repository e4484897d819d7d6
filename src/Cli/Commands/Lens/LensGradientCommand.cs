using System.CommandLine;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary><c>lens gradient</c>: reads in words what a step on a prompt writes into the weights.</summary>
sealed class LensGradientCommand
{
    readonly PromptOptions _prompt = new();
    readonly Option<string?> _answer = new("--answer")
    {
        Description = "the token that should follow; the loss of the prompt's own tokens unless given. A "
            + "space is put before it unless it begins with one",
        HelpName = "S",
    };
    readonly Option<int?> _answerId = new("--answer-id")
    {
        Description = "that token as an id", HelpName = "N",
    };
    readonly Option<bool> _ascent = new("--ascent")
    {
        Description = "a step up the loss, as gradient ascent unlearns",
    };
    readonly Option<int> _top = GlobalOptions.Number("--top", 5, "tokens of each factor");
    readonly Option<int> _strongest =
        GlobalOptions.Number("--strongest", 10, "positions of layers to list; 0 for all");
    readonly Option<string?> _out = new PathOption<string?>("--out", PathUse.WritesFile)
    {
        Description = "a page with all positions of all layers", HelpName = "PAGE.html",
    };

    internal static Command Create(GlobalOptions global) => new LensGradientCommand().Make(global);

    Command Make(GlobalOptions global)
    {
        var command = new Command("gradient",
            "What a training or unlearning step on a prompt writes into feed-forward weights, in words");
        _prompt.AddTo(command);
        foreach (Option option in (Option[])[_answer, _answerId, _ascent, _top, _strongest, _out])
            command.Options.Add(option);
        command.SetAction(parsed => Run(global.Of(parsed), new LensGradientOptions
        {
            Prompt = _prompt.Request(parsed),
            Answer = parsed.GetValue(_answer),
            AnswerId = parsed.GetValue(_answerId),
            Ascent = parsed.GetValue(_ascent),
            Top = parsed.GetValue(_top),
            Strongest = parsed.GetValue(_strongest),
            Out = parsed.GetValue(_out),
        }));
        return command;
    }

    static int Run(Invocation run, LensGradientOptions options)
    {
        LensGradientResult found = run.RunJob(context => LensGradientJob.Run(options, context));
        if (run.Json)
            return run.WriteJson(found, LensJobsJson.Default.LensGradientResult);
        run.Line($"loss {found.Loss:0.0000} nats; a step {(found.Ascent ? "up" : "down")} the loss raises "
            + "and lowers:");
        Table table = Invocation.Table("layer", "position", "token", "strength", "imprint", "raised",
            "lowered");
        foreach (int column in (int[])[2, 4, 5, 6])
            table.Columns[column].LeftAligned();
        foreach (LensGradientRow row in found.Rows)
            Invocation.Row(table, $"{row.Layer}", $"{row.Position}", VisibleText.Of(row.Token),
                $"{row.Strength:0.00e+0}", List(row.Imprint), List(row.Raised), List(row.Lowered));
        run.Draw(table);
        run.Remark("the factors give the gradients again to "
            + $"{found.Layers.Max(l => Math.Max(l.InError, l.OutError)):0.0e+0} of the largest element");
        if (options.Out is { } page)
            run.Remark($"written: {page}");
        return ExitCode.Done;
    }

    static string List(IEnumerable<string> words) => string.Join(' ', words.Select(VisibleText.Of));
}
