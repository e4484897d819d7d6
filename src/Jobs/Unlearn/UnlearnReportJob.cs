using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;
using HeadTap.Unlearn;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="UnlearnReportJob"/>.</summary>
public sealed record UnlearnReportOptions
{
    /// <summary>
    /// Folders of sweeps. Several folders are the same sweep on data and models of other seeds; their rows
    /// are averaged.
    /// </summary>
    public required IReadOnlyList<string> Sweep { get; init; }

    /// <summary>Rule that selects the best setting of a method: accuracy or perplexity.</summary>
    public string Rule { get; init; } = "accuracy";

    /// <summary>Whether accuracy counts padding.</summary>
    public bool Padded { get; init; }

    /// <summary>Name of a <see cref="PublishedCell"/> to compare with; null for none.</summary>
    public string? Published { get; init; }

    /// <summary>File of the HTML page.</summary>
    public required string Out { get; init; }
}

/// <summary>Writes the page of a sweep.</summary>
public static class UnlearnReportJob
{
    /// <summary>Runs the job and returns its result.</summary>
    /// <exception cref="UserException">A folder is no sweep, the sweeps differ, or they do not have what the
    /// options need.</exception>
    public static UnlearnSweepResult Run(UnlearnReportOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        IReadOnlyList<string> folders = options.Sweep;
        SelectionRule rule = options.Rule switch
        {
            "accuracy" => SelectionRule.Accuracy,
            "perplexity" => SelectionRule.Perplexity,
            var word => throw new UserException(
                $"{Field.Of(nameof(options.Rule))} is {Quoted.Name(word)}; expected accuracy or perplexity"),
        };
        PublishedCell? published = options.Published is { } cell ? PublishedCell.Named(cell) : null;
        AtomicFile.RequireWritable(options.Out);
        string[][] models = [.. folders.Select(Models)];
        for (int f = 1; f < folders.Count; f++)
            if (models[f].Length != models[0].Length)
                throw new UserException($"{Quoted.Path(folders[f])}: has "
                    + $"{Counted.Of(models[f].Length, "checkpoint")}, "
                    + $"{Quoted.Path(folders[0])} {models[0].Length}; "
                    + "expected the same sweep on other seeds");
        // Model m of every sweep is shown as one checkpoint with all of its names.
        string[] names = [.. models[0].Select((_, m) =>
            string.Join(", ", models.Select(sweep => sweep[m]).Distinct()))];
        List<SweepRow> rows = [];
        foreach (string folder in folders)
        {
            IReadOnlyList<SweepRow> done = UnlearnSweepFolder.Read(folder);
            RemarkOnRest(folder, done, context);
            rows.AddRange(done);
        }
        if (rows.Count == 0)
            throw new UserException($"{Quoted.Path(folders[0])}: no cell is done yet");
        if (rule == SelectionRule.Perplexity && rows.Any(r => r.Before is { Perplexity: null }))
            throw new UserException($"{Field.Of(nameof(options.Rule))} perplexity needs a keep set; the "
                + "sweep had none");
        if (options.Padded && rows.Any(r => r.Before is { } b && b.Tests.Any(t => t.PaddedAccuracy is null)))
            throw new UserException($"{Field.Of(nameof(options.Padded))} needs a sweep with "
                + $"{Field.Of(nameof(UnlearnSweepOptions.PadToken))}");
        IReadOnlyList<SweepSelection> found = SweepSelection.Of(rows, rule, options.Padded);
        string title = published is null ? "Unlearning: methods beside each other"
            : $"Unlearning, beside the published 4-layer table: {published.Title}";
        context.Cancel.ThrowIfCancellationRequested();
        new UnlearnReport(found, names, rule, options.Padded, published).Page(title).Save(options.Out);
        return UnlearnSweepResult.Of(found, names);
    }

    // A sweep that was stopped, or still runs: its best settings are those of the cells that are done.
    static void RemarkOnRest(string folder, IReadOnlyList<SweepRow> done, JobContext context)
    {
        JsonObject options = UnlearnSweepFolder.ReadManifest(folder).Options;
        if (options["cells"] is not JsonValue value || !value.TryGetValue(out int cells)
            || done.Count >= cells)
            return;
        string[] absent = options["methods"] is JsonArray methods
            ? [.. methods.Select(m => $"{m}").Where(m => done.All(r => r.Method != m))] : [];
        context.Say($"{Quoted.Path(folder)}: {done.Count} of {Counted.Of(cells, "cell")} "
            + $"{Counted.Verb(done.Count, "is", "are")} done"
            + (absent.Length > 0 ? $", none of {string.Join(", ", absent)}" : "")
            + "; the same sweep again goes on");
    }

    static string[] Models(string folder)
        => UnlearnSweepFolder.ReadManifest(folder).Options["models"] is JsonArray models
            ? [.. models.Select(m => $"{m}")]
            : throw new UserException($"{Quoted.Path(folder)}: its manifest.json is not a sweep's");
}
