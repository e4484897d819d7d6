using System.Text.Encodings.Web;
using System.Text.Json;
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

    /// <summary>
    /// Compressions of the weights after which it is measured again, each from the weights as they are:
    /// quantise:int8, quantise:int4, prune:P; may be empty.
    /// </summary>
    public IReadOnlyList<string> After { get; init; } = [];

    /// <summary>File for the sequences that the model recites; null for none.</summary>
    public string? MemorisedOut { get; init; }

    /// <summary>File for a row of JSON a sequence: recited, similarity, what was written; null for
    /// none.</summary>
    public string? RowsOut { get; init; }
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
    /// <summary>Fewest and most tokens that the model was given, without a begin-of-text token: sequences may
    /// have prompts of their own.</summary>
    [JsonIgnore]
    public (int Least, int Most) Given { get; init; }

    /// <summary>Whether a sequence has a clean version; without one <see cref="Correct"/> is 0 and says
    /// nothing.</summary>
    [JsonIgnore]
    public bool HasClean { get; init; }

    /// <summary>Fewest and most tokens that the model had to write.</summary>
    [JsonIgnore]
    public (int Least, int Most) Written { get; init; }

    /// <summary>Token id before each sequence; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Bos { get; init; }

    /// <summary>What comes back when the weights are compressed; null where that was not asked.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<RecitedAfter>? After { get; init; }

    /// <summary>The sequences that were asked for, in the order of the file.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<RecitedRow>? Rows { get; init; }
}

/// <summary>What a model recites when its weights are compressed.</summary>
/// <param name="After">The compression: quantise:int4, prune:0.3.</param>
/// <param name="Memorised">Share that the model continues token for token, 0 to 1.</param>
/// <param name="Loose">Share with a Levenshtein similarity of at least 0.75.</param>
/// <param name="Similarity">Mean Levenshtein similarity, 0 to 1.</param>
/// <param name="Correct">Share that the model continues like the clean version.</param>
/// <param name="Back">Number of sequences that it recites now and did not before.</param>
public sealed record RecitedAfter(
    string After, double Memorised, double Loose, double Similarity, double Correct, int Back);

/// <summary>What a model wrote for one sequence.</summary>
/// <param name="Row">Row of the file, from 1.</param>
/// <param name="Memorised">Whether all tokens are those of the sequence.</param>
/// <param name="Similarity">1 - Levenshtein distance / k, over tokens.</param>
/// <param name="WrittenIds">Token ids that the model wrote.</param>
/// <param name="Written">They as text; null without a tokenizer.</param>
/// <param name="Expected">The sequence's own continuation as text; null without a tokenizer.</param>
public sealed record RecitedRow(int Row, bool Memorised, double Similarity, IReadOnlyList<int> WrittenIds,
    string? Written, string? Expected);

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
        WeightCompression[] compressions =
            [.. options.After.Select(text => WeightCompression.Parse(text, nameof(options.After)))];
        ModelConfig config = ModelFolder.ReadConfig(options.Model);
        ModelText text = ModelText.Open(options.Model, config, options.Recital.Rules, context);
        IReadOnlyList<(PlantedSequence Sequence, int Row)> read =
            options.Recital.Rows(options.Sequences, text, context);
        IReadOnlyList<PlantedSequence> sequences = [.. read.Select(r => r.Sequence)];
        MemorisationOptions recital = options.Recital.Read(text, sequences);
        IReadOnlyList<Edit> edits = JobEdits.Read(options.Edit, options.Model, config, text.Tokenizer,
            context, [.. sequences.Select(s => s.Prompt ?? recital.Prompt)],
            [.. sequences.Select(_ => recital.Continuation)]);
        foreach (string? place in (string?[])[options.MemorisedOut, options.RowsOut])
            if (place is not null)
                AtomicFile.RequireWritable(place);
        using ComputeDevice device = context.OpenDevice();
        context.Cancel.ThrowIfCancellationRequested();
        using LanguageModel model = LoadedModel.Load(context, device, options.Model);
        using IDisposable attached = JobEdits.Attach(model, edits, text.Tokenizer, text.Bos, context);
        Memorisation found = Memorisation.Measure(model, sequences, recital);
        if (options.MemorisedOut is { } kept)
            SequenceFile.Write(kept,
                found.Recitals.Where(r => r.Memorised).Select(r => sequences[r.Index]));
        RecitedRow[] rows = [.. found.Recitals.Select(r => Row(r, read[r.Index], recital, text.Tokenizer))];
        if (options.RowsOut is { } rowsFile)
            AtomicFile.Write(rowsFile, stream =>
            {
                foreach (RecitedRow row in rows)
                {
                    JsonSerializer.Serialize(stream, row, s_line.RecitedRow);
                    stream.WriteByte((byte)'\n');
                }
            });
        return new UnlearnMeasureResult(found.Given, found.Recitals.Count, found.Strict, found.Loose,
            found.MeanSimilarity, found.Correct,
            [.. found.Groups.Select(g => new RecitedGroup(g.Group, g.Count, g.Share))])
        {
            After = compressions.Length == 0 ? null
                : Compressed(model, sequences, recital, found, compressions, context),
            Bos = text.Bos, Rows = rows, HasClean = sequences.Any(s => s.CleanIds is not null),
            Given = Ends(found.Recitals.Select(r => Given(sequences[r.Index], recital, text.Begin))),
            Written = Ends(found.Recitals.Select(r => r.Written.Length)),
        };
    }

    static RecitedAfter[] Compressed(LanguageModel model, IReadOnlyList<PlantedSequence> sequences,
        MemorisationOptions recital, Memorisation before, WeightCompression[] compressions,
        JobContext context)
        => [.. WeightCompression.Measure(model, compressions, sequences, recital, context.Cancel)
            .Zip(compressions, (found, compression) => new RecitedAfter(compression.Name, found.Strict,
                found.Loose, found.MeanSimilarity, found.Correct,
                found.Recitals.Zip(before.Recitals)
                    .Count(r => r.First.Memorised && !r.Second.Memorised)))];

    // The token that begins a text is not counted, whether the call or the row put it there.
    static int Given(PlantedSequence asked, MemorisationOptions options, int? begin)
        => (asked.Prompt ?? options.Given) - (asked.Ids[0] == begin ? 1 : 0);

    static (int, int) Ends(IEnumerable<int> numbers) => (numbers.Min(), numbers.Max());

    // One line a row, where the results of verbs are indented.
    static readonly UnlearnJobsJson s_line = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new JsonNumberConverter() },
    });

    static RecitedRow Row(Recital recital, (PlantedSequence Sequence, int Row) asked,
        MemorisationOptions options, ByteBpeTokenizer? tokenizer)
    {
        int n = asked.Sequence.Prompt ?? options.Given;
        int[] expected = asked.Sequence.Ids[n..(n + recital.Written.Length)];
        return new RecitedRow(asked.Row, recital.Memorised, recital.Similarity, recital.Written,
            Text(tokenizer, recital.Written), Text(tokenizer, expected));
    }

    static string? Text(ByteBpeTokenizer? tokenizer, int[] ids) => tokenizer?.Decode(ids);
}
