using System.CommandLine;
using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;
using HeadTap.Unlearn;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary><c>unlearn measure</c>: which sequences a model recites.</summary>
sealed class UnlearnMeasureCommand
{
    readonly Option<string> _model = PromptOptions.ModelOption(required: true);
    readonly Option<string> _sequences = new("--sequences")
    {
        Description = "a line an object: {\"ids\": [...]} or {\"text\": \"...\"}, and perhaps clean_ids, "
            + "group, prompt",
        HelpName = "F.jsonl", Required = true,
    };
    readonly RecitalOptions _recital = new();
    readonly Option<string?> _memorised = new("--memorised-out")
    {
        Description = "writes the sequences that the model recites, to forget them", HelpName = "F.jsonl",
    };

    internal static Command Create(GlobalOptions global) => new UnlearnMeasureCommand().Make(global);

    Command Make(GlobalOptions global)
    {
        var command = new Command("measure",
            "Which sequences greedy decoding continues as they were planted, token for token and nearly");
        command.Options.Add(_model);
        command.Options.Add(_sequences);
        _recital.AddTo(command);
        command.Options.Add(_memorised);
        command.SetAction(parsed => Run(global.Of(parsed), parsed));
        return command;
    }

    int Run(Invocation run, ParseResult parsed)
    {
        string folder = parsed.GetValue(_model)!, file = parsed.GetValue(_sequences)!;
        ModelConfig config = ModelFolder.ReadConfig(folder);
        MemorisationOptions options = _recital.Read(parsed, config);
        IReadOnlyList<PlantedSequence> sequences = RecitalOptions.Sequences(file, folder, config);
        string? kept = parsed.GetValue(_memorised);
        if (kept is not null)
            AtomicFile.RequireWritable(kept);
        using ComputeDevice device = run.OpenDevice();
        using LoadedModel loaded = LoadedModel.Open(run, device, folder);
        Memorisation found = Memorisation.Measure(loaded.Model, sequences, options);
        if (kept is not null)
            SequenceFile.Write(kept, found.Recitals.Where(r => r.Memorised).Select(r => sequences[r.Index]));
        if (run.Json)
            run.WriteJson(Json(found));
        else
            Print(run, found, options);
        return ExitCode.Done;
    }

    static JsonObject Json(Memorisation found)
    {
        JsonObject json = RecitalOptions.Json(found);
        json.Insert(0, "sequences", found.Given);
        json["groups"] = new JsonArray([.. found.Groups.Select(g => new JsonObject
        {
            ["group"] = g.Group, ["asked"] = g.Count, ["memorised"] = g.Share,
        })]);
        return json;
    }

    static void Print(Invocation run, Memorisation found, MemorisationOptions options)
    {
        run.Line($"{found.Given} sequences, {found.Recitals.Count} asked: {options.Prompt} tokens given, "
            + $"{options.Continuation} to write");
        run.Line($"memorised   {found.Strict:P2}");
        run.Line($"loose       {found.Loose:P2} (at least {Memorisation.LooseSimilarity:P0} alike)");
        run.Line($"similarity  {found.MeanSimilarity:0.000}");
        run.Line($"correct     {found.Correct:P2} (as the clean version goes on)");
        if (found.Groups.Count > 1)
        {
            Table table = Invocation.Table("copies", "asked", "memorised");
            foreach ((int group, int count, double share) in found.Groups)
                Invocation.Row(table, $"10^{group}", $"{count}", $"{share:P2}");
            run.Draw(table);
        }
    }
}
