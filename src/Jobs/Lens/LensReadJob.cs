using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="LensReadJob"/>.</summary>
public sealed record LensReadOptions
{
    /// <summary>The model and one prompt.</summary>
    public required PromptRequest Prompt { get; init; }

    /// <summary>The lens and what is read of it.</summary>
    public required LensPlaceRequest Places { get; init; }

    /// <summary>The position, from 0; last, or -1 for the last and -2 for the one before it.</summary>
    public string Position { get; init; } = "last";

    /// <summary>A page with all positions to click through; null for none.</summary>
    public string? Out { get; init; }

    internal int PositionOf(int length)
    {
        if (Position == "last")
            return length - 1;
        bool whole = int.TryParse(
            Position, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int position);
        return whole && position >= -length && position < length ? (position + length) % length
            : throw new UserException($"Position is {Quoted.Name(Position)}; expected last, 0 to "
                + $"{length - 1}, or -1 to -{length} from the end", nameof(Position));
    }
}

/// <summary>What a layer or a head says at the position.</summary>
/// <param name="Layer">The layer, from 0.</param>
/// <param name="Head">The head, from 0; null for the whole layer, or for the stream where the lens reads
/// that.</param>
/// <param name="Favour">Lens logit of the model's own next token less the mean over the vocabulary.</param>
/// <param name="Top">The tokens with the largest logits by the lens.</param>
/// <param name="LogitLens">The same by the logit lens.</param>
public sealed record LensReadPlace(int Layer,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? Head, double Favour,
    IReadOnlyList<LensTokenResult> Top, IReadOnlyList<LensTokenResult> LogitLens);

/// <summary>A prompt read through a lens.</summary>
/// <param name="ModelHash">Of the model's folder.</param>
/// <param name="Lens">The lens' kind.</param>
/// <param name="Tokens">[T] token ids of the prompt.</param>
/// <param name="Texts">[T] the same as text.</param>
/// <param name="Position">The position that was read, from 0.</param>
/// <param name="Model">The model's own most probable next tokens there.</param>
/// <param name="Layers">By layer.</param>
/// <param name="Heads">By layer and head; empty for a lens that reads no heads.</param>
public sealed record LensReadResult(string ModelHash, string Lens, IReadOnlyList<int> Tokens,
    IReadOnlyList<string> Texts, int Position, IReadOnlyList<ModelTokenResult> Model,
    IReadOnlyList<LensReadPlace> Layers, IReadOnlyList<LensReadPlace> Heads)
{
    /// <summary>The lens in a line.</summary>
    [JsonIgnore]
    public string LensLine { get; init; } = "";

    /// <summary>Whether the lens is the logit lens itself.</summary>
    [JsonIgnore]
    public bool IsLogitLens { get; init; }
}

/// <summary>Reads what each head says at a position of a prompt.</summary>
public static class LensReadJob
{
    /// <summary>Runs the job.</summary>
    /// <exception cref="UserException">An option does not fit the prompt, the lens or the model.</exception>
    /// <exception cref="OperationCanceledException">The job is to end.</exception>
    public static LensReadResult Run(LensReadOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        Prompt prompt = options.Prompt.Read();
        if (prompt.Rows.B != 1)
            throw new UserException($"{prompt.Rows.B} prompts; expected one");
        int[] tokens = prompt.Rows.Row(0).ToArray();
        int position = options.PositionOf(tokens.Length);
        LensPlaces places = options.Places.Read(prompt.Folder, prompt.Config);
        string? page = options.Out;
        if (page is not null)
            OutputFile.Require(page);
        using ComputeDevice device = context.OpenDevice();
        using LoadedModel loaded = LoadedModel.Open(context, device, prompt.Folder);
        int[] positions = page is null ? [position] : [.. Enumerable.Range(0, tokens.Length)];
        LensReadings readings = LensReadings.OfPrompt(loaded.Model, places.Source, places.Request, tokens,
            positions, share => context.Report("reading", share));
        var found = new LensReadFindings(
            places, new LensText(prompt.Tokenizer), tokens, position, positions, readings);
        if (page is not null)
        {
            LensReadReport.Make(found, device).Save(page);
            found.Made(prompt.Bos, device).WriteBeside(page);
        }
        return found.Result();
    }
}

/// <summary>A prompt read through a lens, as its page shows it.</summary>
/// <param name="Places">The lens and what was read of it.</param>
/// <param name="Text">Names of tokens.</param>
/// <param name="Tokens">The prompt.</param>
/// <param name="Position">The one that was asked for.</param>
/// <param name="Positions">Those that were read.</param>
/// <param name="Readings">What was found there.</param>
sealed record LensReadFindings(LensPlaces Places, LensText Text, IReadOnlyList<int> Tokens, int Position,
    IReadOnlyList<int> Positions, LensReadings Readings)
{
    /// <summary>The layers that were read, each with its baseline.</summary>
    internal IEnumerable<(LayerReading Learned, LayerReading Baseline)> Layers
        => Readings.Learned.Zip(Readings.Baseline);

    /// <summary>What the model expects after the position.</summary>
    internal IReadOnlyList<ModelToken> Own => At(Readings.Model);

    /// <summary>Of values for each position read, that of the one asked for.</summary>
    internal T At<T>(IReadOnlyList<T> values) => values[Positions.Count == 1 ? 0 : Position];

    /// <summary>What decides the findings.</summary>
    internal Manifest Made(int? bos, ComputeDevice device) => new()
    {
        Command = "lens read",
        Options = new JsonObject
        {
            ["lens"] = Places.Name, ["tokens"] = Numbers(Tokens), ["bos"] = bos, ["position"] = Position,
            ["layers"] = Numbers(Places.Request.Layers), ["heads"] = Numbers(Places.Request.Heads),
            ["top"] = Places.Request.Top,
        },
        ModelHash = Places.ModelHash,
        Device = device.Name,
        Precision = device.Precision.ManifestName(),
    };

    /// <summary>The findings at the position that was asked for.</summary>
    internal LensReadResult Result() => new(Places.ModelHash, LensText.Word(Places.Source.Options.Kind),
        Tokens, [.. Tokens.Select(Text.Of)], Position, Text.Tokens(Own),
        [.. Layers.Select(l => Place(l.Learned.Layer, null, l.Learned.Whole, l.Baseline.Whole))],
        [.. Layers.SelectMany(l => l.Learned.Heads.Zip(l.Baseline.Heads,
            (own, plain) => Place(l.Learned.Layer, own.Head, own.Words, plain.Words)))])
    {
        LensLine = Places.Text, IsLogitLens = Places.Source.IsBaseline,
    };

    static JsonArray Numbers(IEnumerable<int> numbers) => [.. numbers.Select(n => (JsonNode)n)];

    LensReadPlace Place(int layer, int? head, IReadOnlyList<LensWords> words, IReadOnlyList<LensWords> plain)
        => new(layer, head, At(words).CenteredLogit, Text.Tokens(At(words)), Text.Tokens(At(plain)));
}
