using HeadTap.Inject;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Compares injections with published numbers.</summary>
static class VerifyInjections
{
    /// <summary>The comparisons that are possible, known before any work.</summary>
    /// <param name="Published">Published numbers; null if the model has none.</param>
    /// <param name="Cells">Published numbers of whole data sets, with the prompt pairs.</param>
    /// <param name="Skipped">Comparisons that are not possible, each with its reason.</param>
    internal sealed record Plan(PublishedInjections? Published,
        IReadOnlyList<(PublishedCell Cell, PromptPairs Pairs)> Cells, IReadOnlyList<string> Skipped);

    /// <summary>Reads the data sets and finds the possible comparisons.</summary>
    /// <param name="folder">Folder of the model.</param>
    /// <param name="published">Published numbers for models of its sizes; null for none.</param>
    /// <param name="repository">Folder of a clone of the published repository; null for none.</param>
    /// <exception cref="UserException">The clone lacks a data set.</exception>
    internal static Plan Prepare(string folder, PublishedInjections? published, string? repository)
    {
        if (repository is not null && !Directory.Exists(repository))
            throw new UserException($"{Field.Of(nameof(VerifyOptions.MemoryInjections))} is "
                + $"{Quoted.Path(repository)}, which is no folder; expected a clone of the published "
                + "repository");
        if (published is null)
            return Nothing("no numbers were published for a model of these sizes");
        if (!ByteBpeTokenizer.ExistsIn(folder))
            return Nothing("the published prompts are text, and the folder has no tokenizer files");
        var skipped = new List<string>();
        if (published.Prompts.Count == 0)
            skipped.Add($"single prompts: none are known for {published.Model}");
        if (repository is null)
            skipped.Add($"whole data sets: give {Field.Of(nameof(VerifyOptions.MemoryInjections))} DIR, a "
                + "clone of the published repository");
        return new(published, repository is null ? [] : [.. published.Cells.Select(cell =>
            (cell, PromptPairs.Read(Path.Combine([repository, .. cell.File.Split('/')]))))], skipped);
    }

    /// <summary>Runs the injections and compares them with the published numbers.</summary>
    /// <param name="context">Context for progress and cancellation.</param>
    /// <param name="device">Device to run on.</param>
    /// <param name="folder">Folder of the model; its weights are processed as the published ones
    /// were.</param>
    /// <param name="plan">Comparisons to make.</param>
    internal static VerifiedInjections Measure(
        JobContext context, ComputeDevice device, string folder, Plan plan)
    {
        string[] skipped = [.. plan.Skipped.Select(context.Named)];
        if (plan.Published is not { } published || published.Prompts.Count + plan.Cells.Count == 0)
            return new([], skipped);
        ByteBpeTokenizer tokenizer = ByteBpeTokenizer.Load(folder);
        using LoadedModel loaded = LoadedModel.Open(context, device, folder, processed: true);
        List<InjectionCheck> checks = [.. InjectionParity.OfPrompts(loaded.Model, tokenizer, published)];
        foreach ((PublishedCell cell, PromptPairs pairs) in plan.Cells)
            checks.Add(InjectionParity.OfCell(loaded.Model, tokenizer, pairs, cell, (done, total) =>
                context.Report(cell.File, (double)done / total, $"{done} of {total}")));
        return new([.. checks.Select(c => new VerifiedInjection(
            c.What, c.Expected, c.Found, c.Error, c.Bound, c.Passes))], skipped);
    }

    static Plan Nothing(string reason) => new(null, [], [$"all: {reason}"]);
}
