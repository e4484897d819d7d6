using System.Text.Json.Nodes;
using HeadTap.Inject;
using HeadTap.Models;
using HeadTap.Runtime;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary>What <c>verify</c> finds of the numbers that were published for injections.</summary>
/// <param name="Checks">What was compared.</param>
/// <param name="Skipped">What was not, each with its reason.</param>
sealed record VerifyInjections(IReadOnlyList<InjectionCheck> Checks, IReadOnlyList<string> Skipped)
{
    internal const string Option = "--memory-injections";

    /// <summary>Whether nothing disagrees.</summary>
    internal bool Passed => Checks.All(c => c.Passes);

    /// <summary>What can be compared, known before any work.</summary>
    /// <param name="Published">The numbers; null where the model has none.</param>
    /// <param name="Cells">Numbers of whole data sets, with the data.</param>
    /// <param name="Skipped">What cannot be compared, each with its reason.</param>
    internal sealed record Plan(PublishedInjections? Published,
        IReadOnlyList<(PublishedCell Cell, PromptPairs Pairs)> Cells, IReadOnlyList<string> Skipped);

    /// <summary>Reads the data sets and says what has to be left out.</summary>
    /// <param name="folder">The model.</param>
    /// <param name="published">Numbers of models of its sizes; null for none.</param>
    /// <param name="repository">A clone of the published repository; null for none.</param>
    /// <exception cref="UserException">The clone lacks a data set.</exception>
    internal static Plan Prepare(string folder, PublishedInjections? published, string? repository)
    {
        if (repository is not null && !Directory.Exists(repository))
            throw new UserException($"{Option} is {Quoted.Path(repository)}, which is no folder; expected a "
                + "clone of the published repository");
        if (published is null)
            return Nothing("no numbers were published for a model of these sizes");
        if (!ByteBpeTokenizer.ExistsIn(folder))
            return Nothing("the published prompts are text, and the folder has no tokenizer files");
        var skipped = new List<string>();
        if (published.Prompts.Count == 0)
            skipped.Add($"single prompts: none are known for {published.Model}");
        if (repository is null)
            skipped.Add($"whole data sets: give {Option} DIR, a clone of the published repository");
        return new(published, repository is null ? [] : [.. published.Cells.Select(cell =>
            (cell, PromptPairs.Read(Path.Combine([repository, .. cell.File.Split('/')]))))], skipped);
    }

    /// <summary>Compares.</summary>
    /// <param name="run">The progress bar and Ctrl-C.</param>
    /// <param name="device">Where.</param>
    /// <param name="folder">The model; its weights are processed as the published ones were.</param>
    /// <param name="plan">What.</param>
    internal static VerifyInjections Measure(
        Invocation run, ComputeDevice device, string folder, Plan plan)
    {
        if (plan.Published is not { } published || published.Prompts.Count + plan.Cells.Count == 0)
            return new([], plan.Skipped);
        ByteBpeTokenizer tokenizer = ByteBpeTokenizer.Load(folder);
        using LoadedModel loaded = LoadedModel.Open(run, device, folder, processed: true);
        List<InjectionCheck> checks = [.. InjectionParity.OfPrompts(loaded.Model, tokenizer, published)];
        foreach ((PublishedCell cell, PromptPairs pairs) in plan.Cells)
            run.WithProgress(cell.File, report => checks.Add(InjectionParity.OfCell(
                loaded.Model, tokenizer, pairs, cell, (done, total) =>
                {
                    run.Cancel.ThrowIfCancellationRequested();
                    report((double)done / total, $"{done} of {total}");
                })));
        return new(checks, plan.Skipped);
    }

    /// <summary>For <c>--json</c>; a number that is none is null.</summary>
    internal JsonObject Json() => new()
    {
        ["checks"] = new JsonArray([.. Checks.Select(c => new JsonObject
        {
            ["what"] = c.What,
            ["expected"] = Numbers(c.Expected),
            ["found"] = Numbers(c.Found),
            ["max_abs_error"] = JsonNumber.Of(c.Error),
            ["bound"] = c.Bound,
            ["passed"] = c.Passes,
        })]),
        ["skipped"] = new JsonArray([.. Skipped.Select(s => (JsonNode)s)]),
    };

    /// <summary>For people.</summary>
    internal void Print(Invocation run)
    {
        if (Checks.Count > 0)
        {
            Table table = Invocation.Table("published injections", "max abs error", "bound", "");
            foreach (InjectionCheck c in Checks)
                Invocation.Row(table, c.What, $"{c.Error:0.0e+0}", $"{c.Bound:0.0e+0}",
                    c.Passes ? "ok" : "FAILS");
            run.Draw(table);
        }
        foreach (string reason in Skipped)
            run.Line($"skipped  published injections, {reason}");
    }

    static Plan Nothing(string reason) => new(null, [], [$"all: {reason}"]);

    static JsonArray Numbers(IReadOnlyList<double> values) => new([.. values.Select(JsonNumber.Of)]);
}
