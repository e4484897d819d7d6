using System.CommandLine;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Cli;

/// <summary><c>unlearn apply</c>: applies a recorded edit to a model, or undoes it.</summary>
sealed class UnlearnApplyCommand
{
    readonly Option<string> _model = PromptOptions.ModelOption(required: true);
    readonly Option<string?> _edit = new PathOption<string?>("--edit", PathUse.Reads)
    {
        Description = "a folder that unlearn run wrote, or its " + WeightEdit.FileName
            + "; with --undo, the model's own unless given",
        HelpName = "EDITED|F",
    };
    readonly Option<bool> _undo = new("--undo") { Description = "take the edit back: the parent's bits" };
    readonly Option<string> _out = new PathOption<string>("--out", PathUse.WritesFolder)
    {
        Description = "the folder of the model; a new one", HelpName = "DIR", Required = true,
    };

    internal static Command Create(GlobalOptions global) => new UnlearnApplyCommand().Make(global);

    Command Make(GlobalOptions global)
    {
        var command = new Command("apply", "Make a recorded edit of a model again, or take it back");
        foreach (Option option in (Option[])[_model, _edit, _undo, _out])
            command.Options.Add(option);
        command.SetAction(parsed => Run(global.Of(parsed), parsed));
        return command;
    }

    int Run(Invocation run, ParseResult parsed)
    {
        var options = new UnlearnApplyOptions
        {
            Model = parsed.GetValue(_model)!, Edit = parsed.GetValue(_edit), Undo = parsed.GetValue(_undo),
            Out = parsed.GetValue(_out)!,
        };
        UnlearnApplyResult result = run.RunJob(context => UnlearnApplyJob.Run(options, context));
        if (run.Json)
            return run.WriteJson(result, UnlearnJobsJson.Default.UnlearnApplyResult);
        run.Line($"{Counted.Of(result.Elements, "weight")} {(result.Undo ? "as they were" : "edited")}; "
            + $"{options.Out}: {result.Weights[..12]}");
        return ExitCode.Done;
    }
}
