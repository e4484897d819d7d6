using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using HeadTap.Inject;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="InjectEvaluateJob"/>.</summary>
public sealed record InjectEvaluateOptions
{
    /// <summary>Model and prompt pairs.</summary>
    public required PairRequest Pairs { get; init; }

    /// <summary>The cells to choose from.</summary>
    public required GridRequest Grid { get; init; }

    /// <summary>The split that chooses the cell.</summary>
    public string Choose { get; init; } = "validation";

    /// <summary>The split that the chosen cell is measured on.</summary>
    public string Measure { get; init; } = "test";

    /// <summary>Measure that chooses the cell: trimmed_mean, median or mean_probability.</summary>
    public string By { get; init; } = "mean_probability";

    /// <summary>Number of random memories per kind and pair; at least 1.</summary>
    public int Draws { get; init; } = 5;

    /// <summary>File for the result as JSON, with a manifest beside it; null for none.</summary>
    public string? Out { get; init; }
}

/// <summary>The effect of one kind of memory on the measured split.</summary>
/// <param name="Memory">Kind of memory: the pairs' own, or random ones.</param>
/// <param name="ProbabilityAfter">Mean probability of the answer: value, lower and upper end of its 95 %
/// interval.</param>
/// <param name="TrimmedMeanPercent">Trimmed mean of relative gains, percent, with its interval.</param>
/// <param name="MedianPercent">Median of relative gains, percent, with its interval.</param>
/// <param name="MeanProbabilityChangePercent">Change of the mean probability, percent, with its
/// interval.</param>
/// <param name="Repaired">Number of answers that become the most probable token, mean over draws.</param>
/// <param name="Broken">Number of answers that stop being the most probable token, mean over draws.</param>
public sealed record MemoryResult(string Memory,
    [property: JsonPropertyName("p_after")] IReadOnlyList<double> ProbabilityAfter,
    IReadOnlyList<double> TrimmedMeanPercent, IReadOnlyList<double> MedianPercent,
    IReadOnlyList<double> MeanProbabilityChangePercent, double Repaired, double Broken);

/// <summary>The chosen cell, and its effect on pairs that it was not chosen on.</summary>
/// <param name="ChosenOn">Number of pairs of the choosing split.</param>
/// <param name="MeasuredOn">Number of pairs of the measured split.</param>
/// <param name="Encoder">Encoder of the chosen cell.</param>
/// <param name="Position">Positions of the chosen cell.</param>
/// <param name="Layer">Layer of the chosen cell, from 0.</param>
/// <param name="Tau">Magnitude of the chosen cell.</param>
/// <param name="ExplicitProbability">Mean probability of the answers after single-hop prompts.</param>
/// <param name="ProbabilityBefore">Mean probability of the answers after multi-hop prompts, without a
/// memory.</param>
/// <param name="FirstBefore">Number of answers that are the most probable token without a memory.</param>
/// <param name="Memories">Effects by kind of memory.</param>
public sealed record InjectEvaluateResult(int ChosenOn, int MeasuredOn, string Encoder, string Position,
    int Layer, float Tau, [property: JsonPropertyName("p_explicit")] double ExplicitProbability,
    [property: JsonPropertyName("p_before")] double ProbabilityBefore,
    [property: JsonPropertyName("rank_1_before")] int FirstBefore, IReadOnlyList<MemoryResult> Memories)
{
    /// <summary>Token id before each prompt; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Bos { get; init; }

    /// <summary>The evaluation for tables.</summary>
    [JsonIgnore]
    public HeldOutInjection? Found { get; init; }
}

/// <summary>
/// Chooses layer and magnitude on one split and measures them on another, in comparison with random memories.
/// </summary>
public static class InjectEvaluateJob
{
    /// <summary>Runs the job and returns its result.</summary>
    /// <exception cref="UserException">An option does not fit.</exception>
    public static InjectEvaluateResult Run(InjectEvaluateOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        PairData data = options.Pairs.Read(context);
        SweepGrid grid = options.Grid.Read(data.Config);
        if (options.Draws < 1)
            throw new UserException($"{Field.Of(nameof(options.Draws))} is {options.Draws}; expected 1 or "
                + "more");
        SweepChoice choice = SweepSummary.Choices.FirstOrDefault(c => c.Name == options.By)
            ?? throw new UserException($"{Field.Of(nameof(options.By))} is {Quoted.Name(options.By)}; "
            + "expected "
                + string.Join(", ", SweepSummary.Choices.Select(c => c.Name)));
        EncodedPair[] validation = data.Part(options.Choose, nameof(options.Choose)),
            test = data.Part(options.Measure, nameof(options.Measure));
        if (options.Choose == options.Measure)
            throw new UserException($"{Field.Of(nameof(options.Choose))} and "
                + $"{Field.Of(nameof(options.Measure))} name one split; expected two");
        data.RequireFor(grid);
        HeldOutInjection.RequireEnough(validation, test, grid);
        if (options.Out is { } place)
            OutputFile.Require(place);
        using ComputeDevice device = context.OpenDevice();
        using LoadedModel loaded = data.Open(context, device);
        var found = HeldOutInjection.Run(loaded.Model, validation, test,
            new HeldOutOptions { Grid = grid, Choice = choice, Draws = options.Draws, Seed = context.Seed },
            share => context.Report("injecting", share));
        InjectEvaluateResult result = Result(found, validation.Length) with { Bos = data.Bos };
        if (options.Out is { } file)
        {
            AtomicFile.WriteText(file,
                JsonSerializer.Serialize(result, InjectJobsJson.Default.InjectEvaluateResult) + "\n");
            (data.Manifest("inject evaluate", ManifestOptions(options, data, grid), device) with
            {
                Seed = context.Seed,
            }).WriteBeside(file);
        }
        return result;
    }

    static JsonObject ManifestOptions(InjectEvaluateOptions options, PairData data, SweepGrid grid)
    {
        JsonObject json = options.Pairs.Json();
        GridRequest.AddTo(json, grid);
        (json["choose"], json["measure"]) = (options.Choose, options.Measure);
        (json["by"], json["draws"]) = (options.By, options.Draws);
        json["bos_token"] = data.Bos;
        return json;
    }

    static InjectEvaluateResult Result(HeldOutInjection found, int validation) => new(validation,
        found.Probability.Length, SweptCell.Word(found.Chosen.Cell.Encoder),
        SweptCell.Word(found.Chosen.Cell.Positions), found.Chosen.Cell.Layer, found.Chosen.Cell.Tau,
        found.ExplicitProbability, found.Probability.Average(), found.First,
        [.. found.Outcomes.Select(o => new MemoryResult(o.Name, Ends(o.MeanAfter), Ends(o.TrimmedMean),
            Ends(o.Median), Ends(o.ProbabilityChange), o.Repaired, o.Broken))])
    {
        Found = found,
    };

    static double[] Ends(Estimate e) => [e.Value, e.Interval.Low, e.Interval.High];
}
