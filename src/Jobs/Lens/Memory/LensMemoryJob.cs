using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using HeadTap.Atlas;
using HeadTap.Inject;
using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="LensMemoryJob"/>, for one pair of prompts or several.</summary>
public sealed record LensMemoryOptions
{
    /// <summary>Folder of the model, in Hugging Face's format.</summary>
    public required string Model { get; init; }

    /// <summary>The lens, its layers and heads, and the number of tokens of a memory.</summary>
    public required LensPlaceRequest Places { get; init; }

    /// <summary>The single-hop prompt, whose heads are read.</summary>
    public string? From { get; init; }

    /// <summary>The multi-hop prompt, which receives the memory.</summary>
    public string? Into { get; init; }

    /// <summary>
    /// The right continuation; its first token with a space before it is scored. It does not influence the
    /// memory.
    /// </summary>
    public string? Answer { get; init; }

    /// <summary>
    /// Several pairs instead of one: atlas for pairs of the atlas, or a .jsonl or .csv file; null for one
    /// pair.
    /// </summary>
    public string? Pairs { get; init; }

    /// <summary>
    /// Split of <see cref="Pairs"/> that is used; null for test of the atlas, or all pairs of a file.
    /// </summary>
    public string? Split { get; init; }

    /// <summary>Magnitude tau of the memory.</summary>
    public float Tau { get; init; } = 3;

    /// <summary>Layer that receives the memory, from 0; null for the head's own.</summary>
    public int? AtLayer { get; init; }

    /// <summary>Positions that receive the memory: all or last.</summary>
    public string Position { get; init; } = "all";

    /// <summary>Whether to leave the single-hop run's own next token out of the memory.</summary>
    public bool WithoutNext { get; init; }

    /// <summary>How texts are read and become tokens.</summary>
    public TextRules Rules { get; init; } = new();

    /// <summary>
    /// File for the injection as an edit spec, which trace and generate can replay, with a manifest beside
    /// it; null for none.
    /// </summary>
    public string? EditOut { get; init; }

    internal EditPositions Positions(ModelConfig config)
    {
        if (AtLayer is < 0 || AtLayer >= config.Layers)
            throw new UserException($"{Field.Of(nameof(AtLayer))} is {AtLayer}; expected 0 to "
                + $"{config.Layers - 1}");
        return Position switch
        {
            "all" => EditPositions.All,
            "last" => EditPositions.Last,
            _ => throw new UserException($"{Field.Of(nameof(Position))} is {Quoted.Name(Position)}; expected "
                + "all or last"),
        };
    }
}

/// <summary>The result of <see cref="LensMemoryJob"/>; exactly one of its two parts is set.</summary>
public sealed record LensMemoryResult
{
    /// <summary>The result of one pair.</summary>
    public LensMemoryOneResult? One { get; init; }

    /// <summary>The results of several pairs.</summary>
    public LensMemoryAllResult? All { get; init; }
}

/// <summary>A memory read from a head, and its effect on one prompt.</summary>
/// <param name="Layer">Layer of the head, from 0.</param>
/// <param name="Head">Head, from 0.</param>
/// <param name="Favour">Lens logit of the single-hop run's next token minus the mean over the
/// vocabulary.</param>
/// <param name="NextId">Token id of the single-hop run's next token.</param>
/// <param name="Next">Next token as text.</param>
/// <param name="MemoryIds">Token ids of the memory.</param>
/// <param name="Memory">Tokens of the memory as text.</param>
/// <param name="HoldsAnswer">Whether the memory contains the answer's token.</param>
/// <param name="AtLayer">Layer that received the memory, from 0.</param>
/// <param name="Tau">Magnitude of the memory.</param>
/// <param name="AnswerId">Token id of the answer.</param>
/// <param name="Answer">The answer's token as text.</param>
/// <param name="ProbabilityBefore">Probability of the answer before, 0 to 1.</param>
/// <param name="ProbabilityAfter">Probability of the answer after, 0 to 1.</param>
/// <param name="RankBefore">Rank of the answer before; 1 is the most probable token.</param>
/// <param name="RankAfter">Rank of the answer after; 1 is the most probable token.</param>
/// <param name="Edit">The injection as an edit spec.</param>
public sealed record LensMemoryOneResult(int Layer, int Head, double Favour, int NextId, string Next,
    IReadOnlyList<int> MemoryIds, IReadOnlyList<string> Memory, bool HoldsAnswer, int AtLayer, float Tau,
    int AnswerId, string Answer, [property: JsonPropertyName("p_before")] double ProbabilityBefore,
    [property: JsonPropertyName("p_after")] double ProbabilityAfter, int RankBefore, int RankAfter,
    JsonObject Edit)
{
    /// <summary>Token id before each prompt; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Bos { get; init; }

    /// <summary>A description of the lens in one line.</summary>
    [JsonIgnore]
    public string LensLine { get; init; } = "";

    /// <summary>The single-hop run's most probable next tokens.</summary>
    [JsonIgnore]
    public IReadOnlyList<ModelTokenResult> SingleHop { get; init; } = [];

    /// <summary>Number of heads that the head was chosen from.</summary>
    [JsonIgnore]
    public int Heads { get; init; }

    /// <summary>Whether only the last position received the memory.</summary>
    [JsonIgnore]
    public bool LastPosition { get; init; }
}

/// <summary>The effects of several kinds of memories on pairs of prompts.</summary>
/// <param name="Pairs">Number of pairs.</param>
/// <param name="Tokens">Largest number of tokens of a memory.</param>
/// <param name="Tau">Magnitude of the memory.</param>
/// <param name="AtLayer">Layer that received the memory, from 0; null for the favourite head's own.</param>
/// <param name="Memories">Effects by kind of memory.</param>
public sealed record LensMemoryAllResult(
    int Pairs, int Tokens, float Tau, int? AtLayer, IReadOnlyList<LensMemoryOutcome> Memories)
{
    /// <summary>Token id before each prompt; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Bos { get; init; }

    /// <summary>Whether only the last position received the memory.</summary>
    [JsonIgnore]
    public bool LastPosition { get; init; }
}

/// <summary>Reads a memory from a head in a single-hop run and injects it in a multi-hop run.</summary>
public static class LensMemoryJob
{
    const string Atlas = "atlas";

    /// <summary>Runs the job and returns its result.</summary>
    /// <exception cref="UserException">An option does not fit the lens or the model.</exception>
    /// <exception cref="OperationCanceledException">The job was cancelled.</exception>
    public static LensMemoryResult Run(LensMemoryOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        ModelConfig config = ModelFolder.ReadConfig(options.Model);
        ModelText text = ModelText.Open(options.Model, config, options.Rules, context);
        ByteBpeTokenizer tokenizer = text.Required();
        EncodedPair[] pairs = Pairs(options, context, (pair, place)
            => EncodedPair.Of(pair, tokenizer, config, text.Bos, place));
        text.RemarkWithout(pairs.Select(pair => pair.Obscure));
        LensPlaces places = options.Places.Read(options.Model, config);
        if (!places.Source.ReadsHeads)
            throw new UserException(
                "this lens reads the residual stream, not heads; expected a lens of heads");
        EditPositions positions = options.Positions(config);
        if (options.EditOut is { } spec)
            OutputFile.Require(spec);
        using ComputeDevice device = context.OpenDevice();
        using LoadedModel loaded = LoadedModel.Open(context, device, options.Model);
        int top = Math.Min(places.Request.Top + 1, config.VocabSize); // one token may be left out
        LensReadings readings = LensReadings.OfLastTokens(loaded.Model, places.Source,
            places.Request with { Top = top, WithBaseline = false }, [.. pairs.Select(p => p.Explicit)],
            share => context.Report("reading", share));
        return options.Pairs is null
            ? new()
            {
                One = One(options, positions, loaded.Model, pairs[0], places, readings,
                    new LensText(tokenizer), context) with { Bos = text.Bos },
            }
            : new()
            {
                All = All(options, positions, loaded.Model, pairs, places, readings, context) with
                {
                    Bos = text.Bos,
                },
            };
    }

    // Returns the one pair of the options, or the pairs of a file or the atlas.
    static EncodedPair[] Pairs(
        LensMemoryOptions options, JobContext context, Func<PromptPair, string, EncodedPair> encode)
    {
        string?[] given = [options.From, options.Into, options.Answer];
        string? split = options.Split;
        if (options.Pairs is null)
        {
            if (split is not null)
                throw new UserException($"{Field.Of(nameof(options.Split))} without "
                    + $"{Field.Of(nameof(options.Pairs))}; expected both");
            if (given.Any(string.IsNullOrWhiteSpace))
                throw new UserException($"expected {Field.Of(nameof(options.From))}, "
                    + $"{Field.Of(nameof(options.Into))} and {Field.Of(nameof(options.Answer))}, or "
                    + $"{Field.Of(nameof(options.Pairs))}");
            string answer = given[2]!.Trim();
            return [encode(new PromptPair(given[0]!, given[1]!, answer, answer) { Memory = " " + answer },
                "the pair")];
        }
        if (given.Any(g => g is not null) || options.EditOut is not null || options.WithoutNext)
            throw new UserException($"{Field.Of(nameof(options.From))}, {Field.Of(nameof(options.Into))}, "
                + $"{Field.Of(nameof(options.Answer))}, {Field.Of(nameof(options.WithoutNext))} and "
                + $"{Field.Of(nameof(options.EditOut))} are for one pair; leave them or "
                + $"{Field.Of(nameof(options.Pairs))} out");
        IEnumerable<(PromptPair Pair, string Place)> found;
        if (options.Pairs == Atlas)
        {
            split ??= AtlasPairs.Test;
            found = AtlasPairs.HeldOut(
                new AtlasCorpus(AtlasFacts.Shipped, ShippedModel.CorpusSeed), context.Seed)
                .Select((p, i) => (p, $"atlas pair {i}"));
        }
        else
        {
            PromptPairs file = PromptPairs.Read(options.Pairs, context.Remark);
            found = Enumerable.Range(0, file.Count).Select(i => (file[i], file.Place(i)));
        }
        EncodedPair[] pairs = [.. found.Where(p => split is null || p.Pair.Split == split)
            .Select(p => encode(p.Pair, p.Place))];
        return pairs.Length > 0 ? pairs : throw new UserException(
            $"{Field.Of(nameof(options.Split))} is {Quoted.Name(split!)}, and no pair has this split");
    }

    static LensMemoryOneResult One(LensMemoryOptions options, EditPositions positions, LanguageModel model,
        EncodedPair pair, LensPlaces places, LensReadings readings, LensText text, JobContext context)
    {
        LensMemory found = LensMemory.OfFavourite(readings, 0, places.Request.Top, options.WithoutNext);
        var memory = new Memory(found.Tokens, options.AtLayer ?? found.Layer, options.Tau)
        {
            Positions = positions,
        };
        Injection injection = Injection.Run(model, pair.Obscure, pair.Answer, [memory], top: 1);
        if (options.EditOut is { } spec)
        {
            JobEdits.Write(spec, injection.Edits, context);
            Made(options, places, pair, memory, model).WriteBeside(spec);
        }
        int next = readings.Model[0][0].Id;
        return new LensMemoryOneResult(found.Layer, found.Head, found.CenteredLogit, next, text.Of(next),
            found.Tokens, [.. found.Tokens.Select(text.Of)], found.Tokens.Contains(pair.Answer), memory.Layer,
            memory.Tau, pair.Answer, text.Of(pair.Answer), injection.Before.Probability,
            injection.After.Probability, injection.Before.Rank, injection.After.Rank,
            EditSpec.ToJson(injection.Edits))
        {
            LensLine = places.Text,
            SingleHop = text.Tokens(readings.Model[0].Take(3)),
            Heads = places.Request.Layers.Count * places.Request.Heads.Count,
            LastPosition = positions.IsLast,
        };
    }

    static Manifest Made(
        LensMemoryOptions options, LensPlaces places, EncodedPair pair, Memory memory, LanguageModel model)
        => OutputFile.ManifestOf("lens memory", new JsonObject
        {
            ["model"] = options.Model, ["lens"] = places.Name, ["from"] = Numbers(pair.Explicit),
            ["into"] = Numbers(pair.Obscure), ["answer_id"] = pair.Answer,
            ["memory_ids"] = Numbers(memory.Tokens), ["at_layer"] = memory.Layer, ["tau"] = memory.Tau,
            ["position"] = options.Position, ["without_next"] = options.WithoutNext,
        }, options.Model, model.Device);

    static JsonArray Numbers(IEnumerable<int> numbers) => [.. numbers.Select(n => (JsonNode)n)];

    static LensMemoryAllResult All(LensMemoryOptions options, EditPositions positions, LanguageModel model,
        EncodedPair[] pairs, LensPlaces places, LensReadings readings, JobContext context)
    {
        if (places.Request.Layers.Count * places.Request.Heads.Count < 2)
            throw new UserException($"{Field.Of(nameof(LensPlaceRequest.Layer))} and "
                + $"{Field.Of(nameof(LensPlaceRequest.Head))} leave one head; expected others to compare it "
                + "with");
        var trial = new LensMemoryTrial(model, pairs, readings)
        {
            Count = places.Request.Top, Tau = options.Tau, Layer = options.AtLayer, Positions = positions,
            Seed = context.Seed,
        };
        return new LensMemoryAllResult(pairs.Length, trial.Count, trial.Tau, trial.Layer,
            trial.Run(share => context.Report("injecting", share)))
        {
            LastPosition = positions.IsLast,
        };
    }
}
