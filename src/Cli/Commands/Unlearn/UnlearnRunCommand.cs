using System.CommandLine;
using System.CommandLine.Help;
using HeadTap.Unlearn;

namespace HeadTap.Cli;

/// <summary><c>unlearn run</c>: runs one method at one budget and writes the edited model.</summary>
sealed class UnlearnRunCommand
{
    readonly Option<string> _model = PromptOptions.ModelOption(required: true);
    readonly Option<string> _method = new("--method")
    {
        Description = string.Join(", ", MethodCatalog.All.Select(m => m.Name)), HelpName = "NAME",
        Required = true,
    };
    readonly Option<double?> _budget = GlobalOptions.OptionalNumber<double>("--budget",
        "0 to 1: the share that may change, of what the method counts");
    readonly ForgetOptions _forget = new();
    readonly MethodFlags _flags = new(lists: false);
    readonly Option<string> _out = new PathOption<string>("--out", PathUse.WritesFolder)
    {
        Description = "the folder of the edited model; a new one", HelpName = "DIR", Required = true,
    };

    internal static Command Create(GlobalOptions global) => new UnlearnRunCommand().Make(global);

    Command Make(GlobalOptions global)
    {
        var command = new Command("run",
            "Edit a model so that it forgets sequences, by one method at one budget");
        foreach (Option option in (Option[])[_model, _method, _budget])
            command.Options.Add(option);
        _forget.AddTo(command);
        command.Options.Add(_out);
        _flags.AddTo(command);
        command.Options.Add(new HelpOption { Action = new MethodHelp(_method, _flags) });
        command.SetAction(parsed => Run(global.Of(parsed), parsed));
        return command;
    }

    int Run(Invocation run, ParseResult parsed)
    {
        var options = new UnlearnRunOptions
        {
            Model = parsed.GetValue(_model)!, Method = parsed.GetValue(_method)!,
            Budget = parsed.GetValue(_budget), Sets = _forget.Read(parsed),
            MethodOptions = _flags.Read(parsed), Out = parsed.GetValue(_out)!,
        };
        UnlearnRunResult result = run.RunJob(context => UnlearnRunJob.Run(options, context));
        if (run.Json)
            return run.WriteJson(result, UnlearnJobsJson.Default.UnlearnRunResult);
        UnlearnRunReport.Print(run, result);
        return ExitCode.Done;
    }
}
