using System.CommandLine;
using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Cli;

/// <summary><c>unlearn apply</c>: makes a recorded edit again, or takes it back.</summary>
sealed class UnlearnApplyCommand
{
    readonly Option<string> _model = PromptOptions.ModelOption(required: true);
    readonly Option<string?> _edit = new("--edit")
    {
        Description = "a folder that unlearn run wrote, or its " + WeightEdit.FileName
            + "; with --undo, the model's own unless given",
        HelpName = "EDITED|F",
    };
    readonly Option<bool> _undo = new("--undo") { Description = "take the edit back: the parent's bits" };
    readonly Option<string> _out = new("--out")
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
        string folder = parsed.GetValue(_model)!, target = parsed.GetValue(_out)!;
        bool undo = parsed.GetValue(_undo);
        string named = parsed.GetValue(_edit) ?? (undo ? folder : throw new UserException(
            "no --edit; expected the edited folder, or --undo to take a model's own edit back"));
        AtomicFolder.RequireNew(target);
        ModelFolder.Check(folder);
        string file = Directory.Exists(named) ? Path.Combine(named, WeightEdit.FileName) : named;
        WeightEdit edit = WeightEdit.Load(file);
        using ComputeDevice device = ComputeDevice.Open("cpu");
        using LoadedModel loaded = LoadedModel.Open(run, device, folder);
        edit.Apply(loaded.Model, folder, undo);
        string hash = ModelFolder.Hash(folder);
        AtomicFolder.Write(target, into =>
        {
            if (!undo)
                edit.Save(Path.Combine(into, WeightEdit.FileName));
            new Manifest
            {
                Command = "unlearn apply", ModelHash = hash, DataHash = FileHash.Sha256(file),
                Options = new JsonObject
                {
                    ["undo"] = undo, ["edit"] = file, ["parent"] = undo ? null : folder,
                    ["parent_weights"] = edit.Parent, ["edited_weights"] = edit.Edited,
                },
            }.Write(Path.Combine(into, "manifest.json"));
            loaded.Model.Save(into, folder);
        });
        if (run.Json)
            run.WriteJson(new JsonObject
            {
                ["undo"] = undo, ["elements"] = edit.Elements,
                ["weights"] = undo ? edit.Parent : edit.Edited, ["model_hash"] = ModelFolder.Hash(target),
            });
        else
            run.Line($"{edit.Elements} weights {(undo ? "as they were" : "edited")}; "
                + $"{target}: {(undo ? edit.Parent : edit.Edited)[..12]}");
        return ExitCode.Done;
    }
}
