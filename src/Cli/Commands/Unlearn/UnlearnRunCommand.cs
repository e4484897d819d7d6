using System.CommandLine;
using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;
using HeadTap.Unlearn;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary><c>unlearn run</c>: one method at one budget, written as an edited model.</summary>
sealed class UnlearnRunCommand
{
    readonly Option<string> _model = PromptOptions.ModelOption(required: true);
    readonly Option<string> _method = new("--method")
    {
        Description = string.Join(", ", MethodCatalog.All.Select(m => m.Name)), HelpName = "NAME",
        Required = true,
    };
    readonly Option<double> _budget = GlobalOptions.Number("--budget", double.NaN,
        "0 to 1: the share that may change, of what the method counts");
    readonly ForgetOptions _forget = new();
    readonly MethodFlags _flags = new(lists: false);
    readonly Option<string> _out = new("--out")
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
        command.SetAction(parsed => Run(global.Of(parsed), parsed));
        return command;
    }

    int Run(Invocation run, ParseResult parsed)
    {
        string folder = parsed.GetValue(_model)!, target = parsed.GetValue(_out)!;
        UnlearningMethod method = MethodCatalog.Named(parsed.GetValue(_method)!);
        double budget = parsed.GetValue(_budget);
        if (double.IsNaN(budget))
            throw new UserException($"no --budget; expected a share {method.BudgetOf}, 0 to 1");
        UnlearningMethod.Budget(budget);
        _flags.RequireTaken(parsed, [method]);
        MethodOptions options = _flags.Grid(parsed, method)[0];
        AtomicFolder.RequireNew(target);
        ModelConfig config = ModelFolder.ReadConfig(folder);
        ForgetTask given = _forget.Read(run, parsed, folder, config);
        ForgetOptions.TellForm(run, given, method);
        string parentHash = ModelFolder.Hash(folder), dataHash = given.Hash;
        using ComputeDevice device = run.OpenDevice();
        using LoadedModel loaded = LoadedModel.Open(run, device, folder);
        IReadOnlyList<PlantedSequence> forget = given.ToForget(loaded.Model);
        UnlearnRun? done = null;
        run.WithProgress(method.Name, report => done = UnlearnRun.Of(method, budget, new UnlearnTask
        {
            Model = loaded.Model, Forget = UnlearnData.Rows(forget), Keep = UnlearnData.Rows(given.Data.Keep),
            Clean = UnlearnData.CleanRows(forget),
            Prompt = given.Recital.Prompt, Continuation = given.Recital.Continuation, Seed = run.Seed,
            Form = given.Form, Options = options, Cancel = run.Cancel, Progress = share => report(share, ""),
        }, () => UnlearnScore.Measure(loaded.Model, given.Asked, given.Recital, given.MeasuredKeep)));
        run.Cancel.ThrowIfCancellationRequested();
        JsonObject settings = Options(method, budget, given, options);
        AtomicFolder.Write(target, into =>
        {
            done!.Edit.Save(Path.Combine(into, WeightEdit.FileName));
            settings["parent"] = folder;
            settings["parent_weights"] = done.Edit.Parent;
            settings["edited_weights"] = done.Edit.Edited;
            new Manifest
            {
                Command = "unlearn run", Options = settings, Seed = run.Seed, ModelHash = parentHash,
                DataHash = dataHash, Device = device.Name, Precision = device.Precision.ManifestName(),
            }.Write(Path.Combine(into, "manifest.json"));
            loaded.Model.Save(into, folder);
        });
        var report = new UnlearnRunReport(method, budget, given, forget.Count, done!);
        if (run.Json)
            run.WriteJson(report.Json(parentHash));
        else
            report.Print(run);
        return ExitCode.Done;
    }

    static JsonObject Options(
        UnlearningMethod method, double budget, ForgetTask given, MethodOptions options)
    {
        var settings = new JsonObject
        {
            ["method"] = method.Name, ["budget"] = budget, ["method_options"] = MethodFlags.Json(options),
        };
        given.AddTo(settings);
        return settings;
    }
}
