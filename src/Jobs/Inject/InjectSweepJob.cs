using System.Diagnostics;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using HeadTap.Inject;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="InjectSweepJob"/>.</summary>
public sealed record InjectSweepOptions
{
    /// <summary>Model and prompt pairs.</summary>
    public required PairRequest Pairs { get; init; }

    /// <summary>Grid of layers, magnitudes, encoders and positions.</summary>
    public required GridRequest Grid { get; init; }

    /// <summary>Folder of the results; the same call continues where it stopped.</summary>
    public required string Out { get; init; }

    /// <summary>Number of pairs that the report shows one by one: those that gain and lose most.</summary>
    public int ReportPrompts { get; init; } = 40;
}

/// <summary>A cell of a grid and its effect over all pairs.</summary>
/// <param name="Encoder">Encoder that makes a vector from the memory.</param>
/// <param name="Position">Positions that receive it.</param>
/// <param name="Layer">Layer, from 0.</param>
/// <param name="Tau">Magnitude.</param>
/// <param name="TrimmedMeanPercent">Trimmed mean of relative gains, percent; the paper's metric.</param>
/// <param name="MedianPercent">Median of relative gains, percent.</param>
/// <param name="MeanProbabilityChangePercent">Change of the mean probability, percent.</param>
/// <param name="MeanProbabilityAfter">Mean probability of the answers, 0 to 1.</param>
/// <param name="Repaired">Number of answers that become the most probable token.</param>
/// <param name="Broken">Number of answers that are no longer the most probable token.</param>
public sealed record CellResult(string Encoder, string Position, int Layer, float Tau,
    double TrimmedMeanPercent, double MedianPercent, double MeanProbabilityChangePercent,
    [property: JsonPropertyName("mean_p_after")] double MeanProbabilityAfter, int Repaired, int Broken);

/// <summary>The result of a sweep.</summary>
/// <param name="Pairs">Number of pairs.</param>
/// <param name="Cells">Number of cells of the grid.</param>
/// <param name="ExplicitProbability">Mean probability of the answers after single-hop prompts.</param>
/// <param name="ObscureProbability">Mean probability of the answers after multi-hop prompts.</param>
/// <param name="ArithmeticSaved">Share of the arithmetic that resumed passes saved.</param>
/// <param name="Best">Best cell by measure.</param>
public sealed record InjectSweepResult(int Pairs, int Cells,
    [property: JsonPropertyName("p_explicit")] double ExplicitProbability,
    [property: JsonPropertyName("p_obscure")] double ObscureProbability, double ArithmeticSaved,
    IReadOnlyDictionary<string, CellResult> Best)
{
    /// <summary>Token id before each prompt; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Bos { get; init; }

    /// <summary>The summary of every cell of the grid.</summary>
    [JsonIgnore]
    public SweepSummary? Summary { get; init; }
}

/// <summary>Injects into every pair of a data set at every layer and magnitude.</summary>
public static class InjectSweepJob
{
    /// <summary>Runs the job, or continues it in its folder.</summary>
    /// <exception cref="UserException">An option does not fit, or the folder belongs to another
    /// sweep.</exception>
    public static InjectSweepResult Run(InjectSweepOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        PairData data = options.Pairs.Read(context);
        SweepGrid grid = options.Grid.Read(data.Config);
        (string folder, int drill) = (options.Out, options.ReportPrompts);
        if (drill < 0)
            throw new UserException($"{Field.Of(nameof(options.ReportPrompts))} is {drill}; expected 0 or "
                + "more");
        data.RequireFor(grid);
        SweepFolder.RequirePlace(folder);
        using ComputeDevice device = context.OpenDevice();
        using LoadedModel loaded = data.Open(context, device);
        using var sweep = new InjectionSweep(loaded.Model, grid, EncodedPair.LongestPrompt(data.Pairs));
        if (!Directory.Exists(folder))
            sweep.Run(data.Pairs[0]); // reports a magnitude that overflows before writing
        using SweepFolder results = SweepFolder.Open(folder, grid,
            data.Manifest("inject sweep", ManifestOptions(options, data, grid), device));
        var watch = Stopwatch.StartNew();
        int before = results.Done;
        foreach (EncodedPair pair in data.Pairs.Skip(results.Done))
        {
            context.Cancel.ThrowIfCancellationRequested();
            results.Add(pair, sweep.Run(pair));
            context.Report("injecting", (double)results.Done / data.Pairs.Count,
                $"{results.Done} of {data.Pairs.Count}");
        }
        TimeSpan time = watch.Elapsed;
        SweepSummary summary = SweepSummary.Of(grid, results.Read());
        summary.SaveGrid(Path.Combine(folder, "grid.csv"));
        SweepCost cost = SweepCost.Of(
            data.Config, grid, data.Pairs.Select(p => (p.Explicit.Length, p.Obscure.Length)));
        string page = Path.Combine(folder, "report.html");
        new SweepReport(summary, cost, Title(data)).Save(page, drill);
        long cells = (long)(results.Done - before) * grid.Cells.Count;
        context.Remark?.Invoke(cells == 0 ? "complete already; nothing was computed"
            : $"{Counted.Of(cells, "cell")} in {time.TotalSeconds:0.0} s, {cells / time.TotalSeconds:0} a "
                + $"second; {page}");
        return new InjectSweepResult(summary.Rows.Count, summary.Cells.Count, summary.ExplicitProbability,
            summary.Probability, cost.Saved,
            SweepSummary.Choices.ToDictionary(c => c.Name, c => Cell(summary.Best(c))))
        {
            Summary = summary, Bos = data.Bos,
        };
    }

    static string Title(PairData data)
        => $"{Path.GetFileName(Path.TrimEndingDirectorySeparator(data.Folder))} on "
            + Path.GetFileName(data.File);

    static JsonObject ManifestOptions(InjectSweepOptions options, PairData data, SweepGrid grid)
    {
        JsonObject json = options.Pairs.Json();
        GridRequest.AddTo(json, grid);
        json["bos_token"] = data.Bos;
        return json;
    }

    static CellResult Cell(CellSummary c) => new(SweptCell.Word(c.Cell.Encoder),
        SweptCell.Word(c.Cell.Positions), c.Cell.Layer, c.Cell.Tau, c.Gain.TrimmedMean, c.Gain.Median,
        c.Gain.ProbabilityChange, c.Gain.MeanAfter, c.Repaired, c.Broken);
}
