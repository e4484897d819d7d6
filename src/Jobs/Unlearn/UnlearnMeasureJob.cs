using System.Text.Json.Serialization;
using HeadTap.Models;
using HeadTap.Runtime;
using HeadTap.Unlearn;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="UnlearnMeasureJob"/>.</summary>
public sealed record UnlearnMeasureOptions
{
    /// <summary>Folder of the model.</summary>
    public required string Model { get; init; }

    /// <summary>File of sequences.</summary>
    public required string Sequences { get; init; }

    /// <summary>Options of the memorisation measure.</summary>
    public RecitalRequest Recital { get; init; } = new();

    /// <summary>JSON file of edits to apply while the model runs; null for none.</summary>
    public string? Edit { get; init; }

    /// <summary>File for the sequences that the model recites; null for none.</summary>
    public string? MemorisedOut { get; init; }
}

/// <summary>The sequences that a model recites, as shares.</summary>
/// <param name="Sequences">Number of sequences in the file.</param>
/// <param name="Asked">Number of sequences that can be asked for.</param>
/// <param name="Memorised">Share of these that the model continues token for token, 0 to 1.</param>
/// <param name="Loose">Share with a Levenshtein similarity of at least 0.75.</param>
/// <param name="Similarity">Mean Levenshtein similarity, 0 to 1.</param>
/// <param name="Correct">Share that the model continues like the clean version.</param>
/// <param name="Groups">Share memorised by number of copies.</param>
public sealed record UnlearnMeasureResult(int Sequences, int Asked, double Memorised, double Loose,
    double Similarity, double Correct, IReadOnlyList<RecitedGroup> Groups)
{
    /// <summary>The options of the memorisation measure.</summary>
    [JsonIgnore]
    public MemorisationOptions Recital { get; init; } = new(1, 1);
}

/// <summary>The share that a model recites of the sequences with the same number of copies.</summary>
/// <param name="Group">Group g; the sequences were 10^g times in the training text.</param>
/// <param name="Asked">Number of sequences that were asked for.</param>
/// <param name="Memorised">Share of them that the model continues token for token, 0 to 1.</param>
public sealed record RecitedGroup(int Group, int Asked, double Memorised);

/// <summary>Measures which sequences a model recites.</summary>
public static class UnlearnMeasureJob
{
    /// <summary>Runs the job and returns its result.</summary>
    /// <exception cref="UserException">The model or the file cannot be read, or does not fit.</exception>
    public static UnlearnMeasureResult Run(UnlearnMeasureOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        ModelConfig config = ModelFolder.ReadConfig(options.Model);
        MemorisationOptions recital = options.Recital.Read(config);
        IReadOnlyList<PlantedSequence> sequences =
            RecitalRequest.Sequences(options.Sequences, options.Model, config);
        ByteBpeTokenizer? tokenizer = options.Edit is not null && ByteBpeTokenizer.ExistsIn(options.Model)
            ? ByteBpeTokenizer.Load(options.Model) : null;
        IReadOnlyList<Edit> edits = JobEdits.Read(options.Edit, config, tokenizer,
            [.. sequences.Select(s => s.Prompt ?? recital.Prompt)],
            [.. sequences.Select(_ => recital.Continuation)]);
        if (options.MemorisedOut is { } checkedPlace)
            AtomicFile.RequireWritable(checkedPlace);
        using ComputeDevice device = context.OpenDevice();
        context.Cancel.ThrowIfCancellationRequested();
        using LanguageModel model = LoadedModel.Load(context, device, options.Model);
        using IDisposable attached = JobEdits.Attach(model, edits, tokenizer, null, context);
        Memorisation found = Memorisation.Measure(model, sequences, recital);
        if (options.MemorisedOut is { } kept)
            SequenceFile.Write(kept,
                found.Recitals.Where(r => r.Memorised).Select(r => sequences[r.Index]));
        return new UnlearnMeasureResult(found.Given, found.Recitals.Count, found.Strict, found.Loose,
            found.MeanSimilarity, found.Correct,
            [.. found.Groups.Select(g => new RecitedGroup(g.Group, g.Count, g.Share))]) { Recital = recital };
    }
}
