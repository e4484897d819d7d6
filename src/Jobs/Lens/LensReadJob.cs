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

    /// <summary>The lens, and the layers, heads and tokens to read.</summary>
    public required LensPlaceRequest Places { get; init; }

    /// <summary>JSON file of edits to apply while the model runs; null for none.</summary>
    public string? Edit { get; init; }

    /// <summary>Position from 0, or last; negative numbers count from the end, -1 is the last.</summary>
    public string Position { get; init; } = "last";

    /// <summary>File of an HTML page with all positions; null for none.</summary>
    public string? Out { get; init; }

    internal int PositionOf(int length)
    {
        if (Position == "last")
            return length - 1;
        bool whole = int.TryParse(
            Position, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int position);
        return whole && position >= -length && position < length ? (position + length) % length
            : throw new UserException($"{Field.Of(nameof(Position))} is {Quoted.Name(Position)}; expected "
            + $"last, 0 to {length - 1}, or -1 to -{length} from the end");
    }
}

/// <summary>The reading of a layer or head at the position.</summary>
/// <param name="Layer">Layer, from 0.</param>
/// <param name="Head">Head, from 0; null for the whole layer, or for the residual stream if the lens reads
/// that.</param>
/// <param name="Favour">Lens logit of the model's own next token minus the mean over the vocabulary.</param>
/// <param name="Top">Tokens with the largest logits of the lens.</param>
/// <param name="LogitLens">Tokens with the largest logits of the logit lens.</param>
public sealed record LensReadPlace(int Layer,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? Head, double Favour,
    IReadOnlyList<LensTokenResult> Top, IReadOnlyList<LensTokenResult> LogitLens);

/// <summary>The reading of a prompt through a lens.</summary>
/// <param name="ModelHash">Hash of the model's folder.</param>
/// <param name="Lens">Kind of the lens.</param>
/// <param name="Tokens">Token ids of the prompt, [T].</param>
/// <param name="Texts">Tokens of the prompt as text, [T].</param>
/// <param name="Position">Position that was read, from 0.</param>
/// <param name="Model">Most probable next tokens of the model at the position.</param>
/// <param name="Layers">Readings by layer.</param>
/// <param name="Heads">Readings by layer and head; empty for a lens that reads no heads.</param>
public sealed record LensReadResult(string ModelHash, string Lens, IReadOnlyList<int> Tokens,
    IReadOnlyList<string> Texts, int Position, IReadOnlyList<ModelTokenResult> Model,
    IReadOnlyList<LensReadPlace> Layers, IReadOnlyList<LensReadPlace> Heads)
{
    /// <summary>Token id before each prompt; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Bos { get; init; }

    /// <summary>A description of the lens in one line.</summary>
    [JsonIgnore]
    public string LensLine { get; init; } = "";

    /// <summary>Whether <see cref="Layers"/> are readings of the residual stream, not of the heads'
    /// sum.</summary>
    [JsonIgnore]
    public bool ReadsStream { get; init; }

    /// <summary>Whether the lens is the logit lens itself.</summary>
    [JsonIgnore]
    public bool IsLogitLens { get; init; }
}

/// <summary>Reads the output of each head at a position of a prompt as tokens.</summary>
public static class LensReadJob
{
    /// <summary>Runs the job and returns its result.</summary>
    /// <exception cref="UserException">An option does not fit the prompt, the lens or the model.</exception>
    /// <exception cref="OperationCanceledException">The job was cancelled.</exception>
    public static LensReadResult Run(LensReadOptions options, JobContext context)
        => All(options, context) is [var one] ? one
            : throw new UserException("several prompts; expected one");

    /// <summary>Reads every prompt of a file, with the model loaded once.</summary>
    /// <exception cref="UserException">An option does not fit a prompt, the lens or the model.</exception>
    /// <exception cref="OperationCanceledException">The job was cancelled.</exception>
    public static IReadOnlyList<LensReadResult> All(LensReadOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        Prompt prompt = options.Prompt.Read(context);
        int[][] rows = [.. Enumerable.Range(0, prompt.Rows.B).Select(b => prompt.Rows.Row(b).ToArray())];
        foreach (int[] row in rows)
            options.PositionOf(row.Length);
        LensPlaces places = options.Places.Read(prompt.Folder, prompt.Config);
        IReadOnlyList<Edit> edits = prompt.ReadEdits(options.Edit, context);
        string? page = options.Out;
        if (page is not null && rows.Length > 1)
            throw new UserException($"{rows.Length} prompts; expected one for the page of "
                + $"{Field.Of(nameof(options.Out))}");
        if (page is not null)
            OutputFile.Require(page);
        using ComputeDevice device = context.OpenDevice();
        using LoadedModel loaded = LoadedModel.Open(context, device, prompt.Folder);
        using IDisposable attached = prompt.Attach(loaded.Model, edits, context);
        var results = new List<LensReadResult>();
        foreach (int[] tokens in rows)
            results.Add(Read(options, context, device, loaded.Model, prompt, places, edits, tokens));
        return results;
    }

    static LensReadResult Read(LensReadOptions options, JobContext context, ComputeDevice device,
        LanguageModel model, Prompt prompt, LensPlaces places, IReadOnlyList<Edit> edits, int[] tokens)
    {
        string? page = options.Out;
        int position = options.PositionOf(tokens.Length);
        int[] positions = page is null ? [position] : [.. Enumerable.Range(0, tokens.Length)];
        LensReadings readings = LensReadings.OfPrompt(model, places.Source, places.Request, tokens,
            positions, share => context.Report("reading", share));
        var found = new LensReadFindings(
            places, new LensText(prompt.Tokenizer), tokens, position, positions, readings);
        if (page is not null)
        {
            LensReadReport.Make(found, device).Save(page);
            Manifest made = found.Made(prompt.Bos, device);
            if (edits.Count > 0)
                made.Options["edit"] = EditSpec.ToJson(edits);
            made.WriteBeside(page);
        }
        return found.Result() with { Bos = prompt.Bos };
    }
}

/// <summary>A prompt read through a lens, as its page shows it.</summary>
/// <param name="Places">Lens, layers, heads and number of tokens.</param>
/// <param name="Text">Text of tokens.</param>
/// <param name="Tokens">Token ids of the prompt.</param>
/// <param name="Position">Requested position, from 0.</param>
/// <param name="Positions">Positions that were read.</param>
/// <param name="Readings">Readings at these positions.</param>
sealed record LensReadFindings(LensPlaces Places, LensText Text, IReadOnlyList<int> Tokens, int Position,
    IReadOnlyList<int> Positions, LensReadings Readings)
{
    /// <summary>The readings of each layer, with those of the baseline.</summary>
    internal IEnumerable<(LayerReading Learned, LayerReading Baseline)> Layers
        => Readings.Learned.Zip(Readings.Baseline);

    /// <summary>The model's most probable next tokens at the position.</summary>
    internal IReadOnlyList<ModelToken> Own => At(Readings.Model);

    /// <summary>Returns the value of the requested position from values of all positions read.</summary>
    internal T At<T>(IReadOnlyList<T> values) => values[Positions.Count == 1 ? 0 : Position];

    /// <summary>Makes the manifest of the findings.</summary>
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

    /// <summary>Makes the result for the requested position.</summary>
    internal LensReadResult Result() => new(Places.ModelHash, LensText.Word(Places.Source.Options.Kind),
        Tokens, [.. Tokens.Select(Text.Of)], Position, Text.Tokens(Own),
        [.. Layers.Select(l => Place(l.Learned.Layer, null, l.Learned.Whole, l.Baseline.Whole))],
        [.. Layers.SelectMany(l => l.Learned.Heads.Zip(l.Baseline.Heads,
            (own, plain) => Place(l.Learned.Layer, own.Head, own.Words, plain.Words)))])
    {
        LensLine = Places.Text, IsLogitLens = Places.Source.IsBaseline,
        ReadsStream = Places.Source.ReadsStream,
    };

    static JsonArray Numbers(IEnumerable<int> numbers) => [.. numbers.Select(n => (JsonNode)n)];

    LensReadPlace Place(int layer, int? head, IReadOnlyList<LensWords> words, IReadOnlyList<LensWords> plain)
        => new(layer, head, At(words).CenteredLogit, Text.Tokens(At(words)), Text.Tokens(At(plain)));
}
