using System.Text.Json.Serialization;
using HeadTap.Models;
using HeadTap.Runtime;
using HeadTap.Unlearn;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="UnlearnMeasureJob"/>.</summary>
public sealed record UnlearnMeasureOptions
{
    /// <summary>The model's folder.</summary>
    public required string Model { get; init; }

    /// <summary>A file of sequences.</summary>
    public required string Sequences { get; init; }

    /// <summary>How they are asked for.</summary>
    public RecitalRequest Recital { get; init; } = new();

    /// <summary>A file that gets the sequences that the model recites; null for none.</summary>
    public string? MemorisedOut { get; init; }
}

/// <summary>What the model recites.</summary>
/// <param name="Sequences">Sequences in the file.</param>
/// <param name="Asked">Of those, sequences that can be asked for.</param>
/// <param name="Memorised">Share of the asked that the model continues token for token, 0 to 1.</param>
/// <param name="Loose">Share whose Levenshtein similarity is at least 0.75.</param>
/// <param name="Similarity">Mean Levenshtein similarity, 0 to 1.</param>
/// <param name="Correct">Share continued as the clean version goes on.</param>
/// <param name="Groups">The same by number of copies.</param>
public sealed record UnlearnMeasureResult(int Sequences, int Asked, double Memorised, double Loose,
    double Similarity, double Correct, IReadOnlyList<RecitedGroup> Groups)
{
    /// <summary>How sequences were asked for.</summary>
    [JsonIgnore]
    public MemorisationOptions Recital { get; init; } = new(1, 1);
}

/// <summary>What the model recites of the sequences with the same number of copies.</summary>
/// <param name="Group">g: the sequences stood 10^g times in the training text.</param>
/// <param name="Asked">Sequences that were asked for.</param>
/// <param name="Memorised">Share of them that the model continues token for token, 0 to 1.</param>
public sealed record RecitedGroup(int Group, int Asked, double Memorised);

/// <summary>Measures which sequences a model recites.</summary>
public static class UnlearnMeasureJob
{
    /// <summary>Runs the job.</summary>
    /// <exception cref="UserException">The model or the file cannot be read, or does not fit.</exception>
    public static UnlearnMeasureResult Run(UnlearnMeasureOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        ModelConfig config = ModelFolder.ReadConfig(options.Model);
        MemorisationOptions recital = options.Recital.Read(config);
        IReadOnlyList<PlantedSequence> sequences =
            RecitalRequest.Sequences(options.Sequences, options.Model, config);
        if (options.MemorisedOut is { } checkedPlace)
            AtomicFile.RequireWritable(checkedPlace);
        using ComputeDevice device = context.OpenDevice();
        context.Cancel.ThrowIfCancellationRequested();
        using LanguageModel model = LanguageModel.Load(device, options.Model);
        Memorisation found = Memorisation.Measure(model, sequences, recital);
        if (options.MemorisedOut is { } kept)
            SequenceFile.Write(kept,
                found.Recitals.Where(r => r.Memorised).Select(r => sequences[r.Index]));
        return new UnlearnMeasureResult(found.Given, found.Recitals.Count, found.Strict, found.Loose,
            found.MeanSimilarity, found.Correct,
            [.. found.Groups.Select(g => new RecitedGroup(g.Group, g.Count, g.Share))]) { Recital = recital };
    }
}
