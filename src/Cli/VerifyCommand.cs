using System.CommandLine;
using System.Text.Json.Nodes;
using HeadTap.Runtime;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary><c>verify</c>: every site against the float64 reference.</summary>
static class VerifyCommand
{
    internal static Command Create(GlobalOptions global)
    {
        Option<string> model = PromptOptions.ModelOption(required: true);
        Option<string?> ids = new("--ids")
        {
            Description = "token ids to run; without it drawn ones", HelpName = "1,2,3",
        };
        Option<int> tokens = GlobalOptions.Number("--tokens", 16, "how many tokens to draw");
        var command = new Command("verify", "Compare every site of a model with the float64 reference")
        {
            model, ids, tokens,
        };
        command.SetAction(parsed => Run(global.Of(parsed), parsed.GetValue(model)!, parsed.GetValue(ids),
            parsed.GetValue(tokens)));
        return command;
    }

    static int Run(Invocation run, string folder, string? ids, int count)
    {
        Gpt2Config config = Gpt2Folder.ReadConfig(folder);
        if (ids is null && (count < 1 || count > config.ContextLength))
            throw new UserException(
                $"--tokens is {count}; expected 1 to {config.ContextLength}, the model's context");
        var random = new SeededRandom(run.Seed);
        int[] tokens = ids is not null ? TokenRowsFile.ParseIds(ids, "--ids")
            : [.. Enumerable.Range(0, count).Select(_ => random.Next(config.VocabSize))];
        new SequenceBatch([tokens]).Validate(config);
        using ComputeDevice device = run.OpenDevice();
        using LoadedModel loaded = LoadedModel.Open(run, device, folder);
        IReadOnlyList<SiteParity> sites = SiteParity.Measure(loaded.Model, tokens);
        bool passed = sites.All(s => s.Passes);
        string hash = Gpt2Folder.Hash(folder);
        // Equal sizes say which model it should be; what its weights should be is known only where it came
        // from.
        PublishedModel? published = PublishedModel.All.FirstOrDefault(p => SameSizes(p.Config, config));
        if (run.Json)
            run.WriteJson(Json(sites, passed, device, tokens.Length, hash, published));
        else
            Print(run, sites, passed, device, tokens.Length, hash, published);
        return passed ? ExitCode.Done : ExitCode.Defect;
    }

    static bool SameSizes(Gpt2Config a, Gpt2Config b)
        => (a.VocabSize, a.ContextLength, a.Width, a.Layers, a.Heads)
        == (b.VocabSize, b.ContextLength, b.Width, b.Layers, b.Heads);

    static JsonObject Json(IReadOnlyList<SiteParity> sites, bool passed, ComputeDevice device, int tokens,
        string hash, PublishedModel? published) => new()
        {
            ["passed"] = passed,
            ["device"] = device.Name,
            ["tokens"] = tokens,
            ["model_hash"] = hash,
            ["sizes_of"] = published?.Name,
            ["sites"] = new JsonArray([.. sites.Select(s => new JsonObject
            {
                ["site"] = SiteNames.Of(s.Kind),
                ["max_abs_error"] = double.IsFinite(s.Error) ? s.Error : null,
                ["max_abs_value"] = s.Largest,
                ["bound"] = s.Bound,
                ["passed"] = s.Passes,
            })]),
        };

    static void Print(Invocation run, IReadOnlyList<SiteParity> sites, bool passed,
        ComputeDevice device, int tokens,
        string hash, PublishedModel? published)
    {
        Table table = Invocation.Table("site", "max abs error", "max abs value", "bound", "");
        foreach (SiteParity s in sites)
            Invocation.Row(table, SiteNames.Of(s.Kind), $"{s.Error:0.0e+0}",
                $"{s.Largest:0.###}", $"{s.Bound:0.0e+0}",
                s.Passes ? "ok" : "FAILS");
        run.Draw(table);
        run.Line($"weights  sha256 {hash}");
        run.Line(published is null
            ? "sizes    of no published model"
            : $"sizes    of {published.Name}; whether the weights are its own, compare the hash with "
                + $"the one the hub shows for {published.Repository}/model.safetensors");
        run.Line($"{(passed ? "passed" : "FAILED")}: {tokens} tokens on {device.Name} against float64, "
            + $"bound {SiteParity.Tolerance:0e+0} of the largest value");
    }
}
