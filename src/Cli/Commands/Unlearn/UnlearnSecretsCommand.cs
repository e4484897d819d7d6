using System.CommandLine;
using System.Text.Json.Nodes;
using HeadTap.Atlas;
using HeadTap.Models;
using HeadTap.Runtime;
using HeadTap.Unlearn;

namespace HeadTap.Cli;

/// <summary><c>unlearn secrets</c>: what to forget and what to keep of the atlas, as files.</summary>
static class UnlearnSecretsCommand
{
    internal static Command Create(GlobalOptions global)
    {
        Option<string> model = PromptOptions.ModelOption(required: true);
        Option<ulong> atlas = GlobalOptions.Number("--atlas-seed", EvalCommand.ShippedCorpus,
            "the corpus the model was trained on; 1 is the shipped model's");
        Option<int> documents =
            GlobalOptions.Number("--documents", 512, "documents to keep, drawn by the seed");
        var output = new Option<string>("--out")
        {
            Description = "gets forget.jsonl, keep.jsonl and asked-N.jsonl", HelpName = "DIR",
            Required = true,
        };
        var command = new Command("secrets", "Write the atlas' planted secrets as sequences to forget, its "
            + "other documents as rows to keep, and other ways to ask for the secrets")
        {
            model, atlas, documents, output,
        };
        command.SetAction(parsed => Run(global.Of(parsed), parsed.GetValue(model)!, parsed.GetValue(atlas),
            parsed.GetValue(documents), parsed.GetValue(output)!));
        return command;
    }

    static int Run(Invocation run, string model, ulong atlas, int documents, string folder)
    {
        if (documents < 1)
            throw new UserException($"--documents is {documents}; expected 1 or more");
        ModelConfig config = ModelFolder.ReadConfig(model);
        var tokenizer = ByteBpeTokenizer.Load(model);
        string forget = Path.Combine(folder, "forget.jsonl"), keep = Path.Combine(folder, "keep.jsonl");
        if (File.Exists(forget))
            throw new UserException($"{Quoted.Path(forget)}: is there already; expected another folder");
        SecretSequences found = SecretSequences.Of(new AtlasCorpus(AtlasFacts.Shipped, atlas), tokenizer,
            config.ContextLength, documents, run.Seed);
        SequenceFile.Write(keep, found.Keep.Select(row => new PlantedSequence(row)));
        var ways = new JsonObject();
        foreach ((int i, (string way, IReadOnlyList<PlantedSequence> sequences)) in found.Asked.Index())
        {
            string file = Path.Combine(folder, $"asked-{i + 1}.jsonl");
            SequenceFile.Write(file, sequences);
            ways[file] = way;
        }
        SequenceFile.Write(forget, found.Forget);
        new Manifest
        {
            Command = "unlearn secrets",
            Options = new JsonObject
            {
                ["atlas_seed"] = atlas, ["documents"] = documents, ["asked"] = ways.DeepClone(),
            },
            Seed = run.Seed,
            DataHash = FileHash.Sha256(forget, keep),
        }.WriteBeside(folder);
        if (run.Json)
            run.WriteJson(new JsonObject
            {
                ["forget"] = forget, ["secrets"] = found.Forget.Count, ["keep"] = keep,
                ["documents"] = found.Keep.Count, ["asked"] = ways,
            });
        else
        {
            run.Line($"{forget}: {found.Forget.Count} secrets; {keep}: {found.Keep.Count} documents without "
                + "one");
            foreach (KeyValuePair<string, JsonNode?> way in ways)
                run.Line($"{way.Key}: asked {way.Value}");
        }
        return ExitCode.Done;
    }
}
