using System.CommandLine;
using System.Text.Json.Nodes;
using HeadTap.Inject;
using HeadTap.Models;
using HeadTap.Runtime;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary>
/// <c>verify</c>: every site against the float64 reference, and injections against published numbers.
/// </summary>
static class VerifyCommand
{
    /// <summary>What the command line asks for.</summary>
    /// <param name="Folder">The model.</param>
    /// <param name="Ids">Tokens to run; null for drawn ones.</param>
    /// <param name="Count">How many to draw.</param>
    /// <param name="Repository">A clone of the published repository; null for none.</param>
    internal sealed record Options(string Folder, string? Ids, int Count, string? Repository);

    sealed record Findings(IReadOnlyList<SiteParity> Sites, VerifyInjections Injections, string Device,
        int Tokens, string Hash, PublishedModel? Published)
    {
        internal bool Passed => Sites.All(s => s.Passes) && Injections.Passed;
    }

    internal static Command Create(GlobalOptions global)
    {
        Option<string> model = PromptOptions.ModelOption(required: true);
        Option<string?> ids = new("--ids")
        {
            Description = "token ids to run; without it drawn ones", HelpName = "1,2,3",
        };
        Option<int> tokens = GlobalOptions.Number("--tokens", 16, "how many tokens to draw");
        Option<string?> repository = new(VerifyInjections.Option)
        {
            Description = "a clone of the repository of arXiv 2309.05605: GPT-2 small and large are held "
                + "against its whole data sets too",
            HelpName = "DIR",
        };
        var command = new Command("verify",
            "Compare every site of a model with the float64 reference, and injections with published numbers")
        {
            model, ids, tokens, repository,
        };
        command.SetAction(parsed => Run(global.Of(parsed), new Options(parsed.GetValue(model)!,
            parsed.GetValue(ids), parsed.GetValue(tokens), parsed.GetValue(repository))));
        return command;
    }

    /// <param name="run">The invocation.</param>
    /// <param name="options">What to verify.</param>
    /// <param name="expected">Injections to compare; null takes those published for the model's
    /// sizes.</param>
    internal static int Run(Invocation run, Options options, PublishedInjections? expected = null)
    {
        (string folder, string? ids, int count, string? repository) = options;
        ModelConfig config = ModelFolder.ReadConfig(folder);
        if (ids is null && (count < 1 || count > config.ContextLength))
            throw new UserException(
                $"--tokens is {count}; expected 1 to {config.ContextLength}, the model's context");
        var random = new SeededRandom(run.Seed);
        int[] tokens = ids is not null ? TokenRowsFile.ParseIds(ids, "--ids")
            : [.. Enumerable.Range(0, count).Select(_ => random.Next(config.VocabSize))];
        new SequenceBatch([tokens]).Validate(config);
        // Equal sizes say which model it should be; what its weights should be is known only where it came
        // from.
        PublishedModel? published = PublishedModel.All.FirstOrDefault(p => SameSizes(p.Config, config));
        VerifyInjections.Plan plan = VerifyInjections.Prepare(folder,
            expected ?? PublishedInjections.All.FirstOrDefault(p => p.Model == published?.Name), repository);
        using ComputeDevice device = run.OpenDevice();
        var found = new Findings(MeasureSites(run, device, folder, tokens),
            VerifyInjections.Measure(run, device, folder, plan),
            device.Name, tokens.Length, ModelFolder.Hash(folder), published);
        if (run.Json)
            run.WriteJson(Json(found));
        else
            Print(run, found);
        return found.Passed ? ExitCode.Done : ExitCode.Defect;
    }

    // The model is given back before its processed copy is made: GPT-2 large fits once more often than twice.
    static IReadOnlyList<SiteParity> MeasureSites(
        Invocation run, ComputeDevice device, string folder, int[] tokens)
    {
        using LoadedModel loaded = LoadedModel.Open(run, device, folder);
        return SiteParity.Measure(loaded.Model, tokens);
    }

    static bool SameSizes(ModelConfig a, ModelConfig b)
        => (a.VocabSize, a.ContextLength, a.Width, a.Layers, a.Heads)
        == (b.VocabSize, b.ContextLength, b.Width, b.Layers, b.Heads);

    static JsonObject Json(Findings found) => new()
    {
        ["passed"] = found.Passed,
        ["device"] = found.Device,
        ["tokens"] = found.Tokens,
        ["model_hash"] = found.Hash,
        ["sizes_of"] = found.Published?.Name,
        ["sites"] = new JsonArray([.. found.Sites.Select(s => new JsonObject
        {
            ["site"] = SiteNames.Of(s.Kind),
            ["max_abs_error"] = double.IsFinite(s.Error) ? s.Error : null,
            ["max_abs_value"] = s.Largest,
            ["bound"] = s.Bound,
            ["passed"] = s.Passes,
        })]),
        ["injections"] = found.Injections.Json(),
    };

    static string Verdict(bool passed) => passed ? "passed" : "FAILED";

    static void Print(Invocation run, Findings found)
    {
        Table table = Invocation.Table("site", "max abs error", "max abs value", "bound", "");
        foreach (SiteParity s in found.Sites)
            Invocation.Row(table, SiteNames.Of(s.Kind), $"{s.Error:0.0e+0}",
                $"{s.Largest:0.###}", $"{s.Bound:0.0e+0}",
                s.Passes ? "ok" : "FAILS");
        run.Draw(table);
        found.Injections.Print(run);
        run.Line($"weights  sha256 {found.Hash}");
        run.Line(found.Published is not { } published
            ? "sizes    of no published model"
            : $"sizes    of {published.Name}; whether the weights are its own, compare the hash with "
                + $"the one the hub shows for {published.Repository}/model.safetensors");
        run.Line($"{Verdict(found.Sites.All(s => s.Passes))}: {found.Tokens} tokens on {found.Device} "
            + $"against float64, bound {SiteParity.Tolerance:0e+0} of the largest value");
        IReadOnlyList<InjectionCheck> checks = found.Injections.Checks;
        if (checks.Count > 0)
            run.Line($"{Verdict(found.Injections.Passed)}: {checks.Count(c => c.Passes)} of {checks.Count} "
                + "comparisons with published injections");
    }
}
