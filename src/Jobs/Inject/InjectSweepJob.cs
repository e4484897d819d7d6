using System.Diagnostics;
using System.Text.Json.Serialization;
using HeadTap.Inject;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="InjectSweepJob"/>.</summary>
public sealed record InjectSweepOptions : ISweepOptions
{
    /// <summary>Model and prompt pairs.</summary>
    public required PairRequest Pairs { get; init; }

    /// <summary>Grid of layers, magnitudes, encoders and positions.</summary>
    public required GridRequest Grid { get; init; }

    /// <summary>Folder of the results; the same call continues where it stopped.</summary>
    public required string Out { get; init; }

    /// <summary>Number of pairs that the report shows one by one: those that gain and lose most.</summary>
    public int ReportPrompts { get; init; } = 40;

    /// <inheritdoc/>
    [JsonIgnore]
    public string Verb => "inject sweep";

    /// <inheritdoc/>
    public ISweepOptions In(string folder) => this with { Out = folder };

    CellSweep ISweepOptions.Read(JobContext context) => InjectSweepCells.Read(this, context);
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
    IReadOnlyDictionary<string, CellResult> Best) : ISweepResult
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
        InjectSweepCells sweep = InjectSweepCells.Read(options, context);
        string folder = options.Out;
        SweepFolder.RequirePlace(folder);
        using ComputeDevice device = context.OpenDevice();
        using ICellWorker worker = sweep.Open(device, context);
        if (!Directory.Exists(folder))
            worker.Run(0, context.Cancel); // reports a magnitude that overflows before writing
        using SweepFolder results = sweep.OpenFolder(folder, RunDevice.Of(device));
        var watch = Stopwatch.StartNew();
        int before = results.Done;
        while (results.Done < sweep.Count)
        {
            context.Cancel.ThrowIfCancellationRequested();
            results.Add(worker.Run(results.Done, context.Cancel));
            context.Report("injecting", (double)results.Done / sweep.Count,
                $"{results.Done} of {sweep.Count}");
        }
        TimeSpan time = watch.Elapsed;
        InjectSweepResult result = sweep.Finish(results);
        long cells = (long)(results.Done - before) * result.Cells;
        context.Remark?.Invoke(cells == 0 ? "complete already; nothing was computed"
            : $"{Counted.Of(cells, "cell")} in {time.TotalSeconds:0.0} s, {cells / time.TotalSeconds:0} a "
                + $"second; {InjectSweepCells.Page(results)}");
        return result;
    }
}
