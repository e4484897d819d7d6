using System.CommandLine;
using System.Text.Json.Nodes;
using HeadTap.Atlas;
using HeadTap.Inject;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Cli;

/// <summary><c>inject data</c>: pairs of prompts from the atlas.</summary>
static class InjectDataCommand
{
    internal static Command Create(GlobalOptions global)
    {
        var file = new Option<string>("--out")
        {
            Description = "where the pairs go, a line of JSON each", HelpName = "F.jsonl", Required = true,
        };
        Option<ulong> atlas = GlobalOptions.Number("--atlas-seed", EvalCommand.ShippedCorpus,
            "the corpus whose held-out countries are asked about; 1 is the shipped model's");
        var command = new Command("data", "Write pairs of prompts: two-hop questions of the atlas that its "
            + "text never answers, in two splits by country")
        {
            file, atlas,
        };
        command.SetAction(parsed =>
            Run(global.Of(parsed), parsed.GetValue(file)!, parsed.GetValue(atlas)));
        return command;
    }

    static int Run(Invocation run, string file, ulong atlas)
    {
        if (!Path.GetExtension(file).Equals(".jsonl", StringComparison.OrdinalIgnoreCase))
            throw new UserException($"--out is {Quoted.Name(file)}; expected a name that ends in .jsonl");
        OutputFile.Require(file);
        IReadOnlyList<PromptPair> pairs =
            AtlasPairs.HeldOut(new AtlasCorpus(AtlasFacts.Shipped, atlas), run.Seed);
        run.Cancel.ThrowIfCancellationRequested();
        PromptPairs.Write(file, pairs);
        new Manifest
        {
            Command = "inject data",
            Options = new JsonObject { ["atlas_seed"] = atlas },
            Seed = run.Seed,
            DataHash = FileHash.Sha256(file),
        }.WriteBeside(file);
        Print(run, file, pairs);
        return ExitCode.Done;
    }

    static void Print(Invocation run, string file, IReadOnlyList<PromptPair> pairs)
    {
        (string Split, int Pairs, int Countries)[] splits = [.. pairs.GroupBy(p => p.Split)
            .OrderByDescending(g => g.Key, StringComparer.Ordinal)
            .Select(g => (g.Key, g.Count(), g.Select(p => p.Bridge).Distinct().Count()))];
        if (run.Json)
        {
            run.WriteJson(new JsonObject
            {
                ["out"] = file,
                ["pairs"] = pairs.Count,
                ["splits"] = new JsonObject(splits.Select(s => KeyValuePair.Create(s.Split,
                    (JsonNode?)new JsonObject { ["pairs"] = s.Pairs, ["countries"] = s.Countries }))),
            });
            return;
        }
        foreach ((string split, int count, int countries) in splits)
            run.Line($"{split,-11} {count,4} pairs about {countries} countries");
        run.Line($"written: {file}");
    }
}
