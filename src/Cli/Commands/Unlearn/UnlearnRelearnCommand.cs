using System.CommandLine;
using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;
using HeadTap.Unlearn;

namespace HeadTap.Cli;

/// <summary><c>unlearn relearn</c>: how many steps of fine-tuning bring forgotten sequences back.</summary>
sealed class UnlearnRelearnCommand
{
    readonly Option<string> _model = PromptOptions.ModelOption(required: true);
    readonly Option<string> _sequences = new("--sequences")
    {
        Description = "the sequences that were forgotten", HelpName = "F.jsonl", Required = true,
    };
    readonly Option<string?> _train = new("--train")
    {
        Description = "rows to train on; the sequences themselves unless given", HelpName = "F.jsonl",
    };
    readonly RecitalOptions _recital = new();
    readonly Option<int> _steps = GlobalOptions.Number("--steps", 64, "of 8 rows");
    readonly Option<float> _rate = GlobalOptions.Number("--learning-rate", 1e-4f, "AdamW's");
    readonly Option<string?> _out = new("--out")
    {
        Description = "gets measurements and a checkpoint; the same call again goes on where it stopped",
        HelpName = "DIR",
    };

    internal static Command Create(GlobalOptions global) => new UnlearnRelearnCommand().Make(global);

    Command Make(GlobalOptions global)
    {
        var command = new Command("relearn",
            "Fine-tune a copy of a model and count the steps after which it recites forgotten sequences");
        foreach (Option option in (Option[])[_model, _sequences, _train, _steps, _rate, _out])
            command.Options.Add(option);
        _recital.AddTo(command);
        command.SetAction(parsed => Run(global.Of(parsed), parsed));
        return command;
    }

    int Run(Invocation run, ParseResult parsed)
    {
        string folder = parsed.GetValue(_model)!;
        ModelConfig config = ModelFolder.ReadConfig(folder);
        MemorisationOptions recital = _recital.Read(parsed, config);
        IReadOnlyList<PlantedSequence> asked =
            RecitalOptions.Sequences(parsed.GetValue(_sequences)!, folder, config);
        IReadOnlyList<PlantedSequence> rows = parsed.GetValue(_train) is { } train
            ? RecitalOptions.Sequences(train, folder, config) : asked;
        using ComputeDevice device = run.OpenDevice();
        using RelearnFolder? results = parsed.GetValue(_out) is { } target
            ? RelearnFolder.Open(target, Call(run, parsed, device, recital)) : null;
        if (results is { Complete: true })
            run.Remark("complete already; nothing was trained");
        using LoadedModel loaded = LoadedModel.Open(run, device, folder);
        IReadOnlyList<RelearnedAt> found = Relearning.Run(loaded.Model, asked,
            [.. rows.Select(r => r.Ids)], recital, parsed.GetValue(_steps), parsed.GetValue(_rate),
            run.Seed, run.Cancel, results);
        int? first = found.FirstOrDefault(f => f.Recited.Strict > found[0].Recited.Strict)?.Steps;
        if (run.Json)
            run.WriteJson(new JsonObject
            {
                ["sequences"] = asked.Count, ["rows"] = rows.Count, ["first_back_at"] = first,
                ["steps"] = new JsonArray([.. found.Select(f => new JsonObject
                {
                    ["steps"] = f.Steps, ["memorised"] = f.Recited.Strict, ["loose"] = f.Recited.Loose,
                    ["similarity"] = f.Recited.MeanSimilarity,
                })]),
            });
        else
        {
            foreach (RelearnedAt at in found)
                run.Line($"{at.Steps,5} steps  {at.Recited.Strict,6:0.0 %} recited, "
                    + $"{at.Recited.Loose,6:0.0 %} loosely, mean similarity "
                    + $"{at.Recited.MeanSimilarity:0.000}");
            run.Line(first is null ? "none came back" : $"the first came back within {first} steps");
        }
        return ExitCode.Done;
    }

    Manifest Call(Invocation run, ParseResult parsed, ComputeDevice device, MemorisationOptions recital)
    {
        string sequences = parsed.GetValue(_sequences)!;
        string? train = parsed.GetValue(_train);
        return new Manifest
        {
            Command = "unlearn relearn",
            Options = new JsonObject
            {
                ["sequences"] = sequences, ["train"] = train, ["prompt"] = recital.Prompt,
                ["continuation"] = recital.Continuation, ["never_token"] = recital.NeverWritten,
                ["steps"] = parsed.GetValue(_steps), ["learning_rate"] = parsed.GetValue(_rate),
            },
            Seed = run.Seed,
            ModelHash = ModelFolder.Hash(parsed.GetValue(_model)!),
            DataHash = FileHash.Sha256([.. new[] { sequences, train }.OfType<string>()]),
            Device = device.Name,
            Precision = device.Precision.ManifestName(),
        };
    }
}
