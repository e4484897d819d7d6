using System.CommandLine;

namespace HeadTap.Cli;

/// <summary><c>view</c>: shows a prompt, or two side by side, as a page.</summary>
sealed class ViewCommand
{
    readonly PromptOptions _prompt = new(lines: true);
    readonly Option<string?> _other = PromptOptions.OtherOption();
    readonly Option<string[]> _lenses = new PathOption<string[]>("--lens", PathUse.Reads)
    {
        Description = "a folder that lens train wrote, for words beside the logit lens; may be repeated",
        HelpName = "DIR",
    };
    readonly Option<string> _lensOf = LensPlaceOptions.LensOfOption();
    readonly Option<string?> _answer = new("--answer")
    {
        Description = "the token whose logit is split; a space is put before it unless it begins with one",
        HelpName = "S",
    };
    readonly Option<int?> _answerId = new("--answer-id")
    {
        Description = "that token as an id", HelpName = "N",
    };
    readonly Option<string?> _wrong = new("--wrong")
    {
        Description = "a token whose logit is subtracted, as --answer", HelpName = "S",
    };
    readonly Option<int?> _wrongId = new("--wrong-id")
    {
        Description = "that token as an id", HelpName = "N",
    };
    readonly Option<int> _top = GlobalOptions.Number("--top", 3, "tokens of each lens");
    readonly Option<string?> _edit = TraceCommand.EditOption();
    readonly Option<string> _out = new PathOption<string>("--out", PathUse.WritesFile)
    {
        Description = "the page", HelpName = "PAGE.html", Required = true,
    };

    readonly Option<string?> _svg = new PathOption<string?>("--svg", PathUse.WritesFile)
    {
        Description = "figures: F.attention.svg, F.parts.svg and F.stream.svg, and F.2.attention.svg and so "
            + "on of a second prompt or model",
        HelpName = "F.svg",
    };

    internal static Command Create(GlobalOptions global) => new ViewCommand().Make(global);

    Command Make(GlobalOptions global)
    {
        var command = new Command("view", "One prompt, or two side by side, as a page: where heads look, "
            + "what they write, what adds to a token's logit, how the prediction forms");
        _prompt.AddTo(command);
        foreach (Option option in (Option[])[_other, _lenses, _lensOf, _answer, _answerId, _wrong, _wrongId,
            _top, _edit, _out, _svg])
            command.Options.Add(option);
        command.SetAction(parsed => Run(global.Of(parsed), new ViewOptions
        {
            Prompt = _prompt.Request(parsed),
            Other = parsed.GetValue(_other),
            Lenses = parsed.GetValue(_lenses) ?? [],
            LensOf = parsed.GetValue(_lensOf)!,
            Answer = parsed.GetValue(_answer),
            AnswerId = parsed.GetValue(_answerId),
            Wrong = parsed.GetValue(_wrong),
            WrongId = parsed.GetValue(_wrongId),
            Top = parsed.GetValue(_top),
            Edit = parsed.GetValue(_edit),
            Out = parsed.GetValue(_out)!,
            Svg = parsed.GetValue(_svg),
        }));
        return command;
    }

    static int Run(Invocation run, ViewOptions options)
    {
        ViewResult result = run.RunJob(context => ViewJob.Run(options, context));
        if (run.Json)
            run.WriteJson(result, CircuitJobsJson.Default.ViewResult);
        else
            run.Line($"written: {result.Out}, {result.Bytes / 1e6:0.00} MB");
        foreach (string figure in result.Figures ?? [])
            run.Remark($"written: {figure}");
        return ExitCode.Done;
    }
}
