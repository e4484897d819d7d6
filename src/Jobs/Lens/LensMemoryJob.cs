using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using HeadTap.Atlas;
using HeadTap.Inject;
using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="LensMemoryJob"/>: one pair of prompts, or several.</summary>
public sealed record LensMemoryOptions
{
    /// <summary>A model folder as Hugging Face keeps it.</summary>
    public required string Model { get; init; }

    /// <summary>The lens and what is read of it; tokens are those of a memory.</summary>
    public required LensPlaceRequest Places { get; init; }

    /// <summary>The single-hop prompt, whose heads are read.</summary>
    public string? From { get; init; }

    /// <summary>The multi-hop prompt, which receives the memory.</summary>
    public string? Into { get; init; }

    /// <summary>The right continuation; the first token of a space and it is followed, and chooses nothing.
    /// </summary>
    public string? Answer { get; init; }

    /// <summary>In place of one pair: atlas for pairs of the atlas, or a .jsonl or .csv file.</summary>
    public string? Pairs { get; init; }

    /// <summary>
    /// Takes only pairs of this part of <see cref="Pairs"/>; test for the atlas unless given.
    /// </summary>
    public string? Split { get; init; }

    /// <summary>The magnitude.</summary>
    public float Tau { get; init; } = 3;

    /// <summary>The layer that receives the memory, from 0; the head's own unless given.</summary>
    public int? AtLayer { get; init; }

    /// <summary>Positions that receive it: all or last.</summary>
    public string Position { get; init; } = "all";

    /// <summary>Leaves the single-hop run's own next token out of the memory.</summary>
    public bool WithoutNext { get; init; }

    /// <summary>Puts the config's begin-of-text token before both prompts.</summary>
    public bool Bos { get; init; }

    /// <summary>Writes the injection as an edit spec that trace and generate replay; null for none.</summary>
    public string? EditOut { get; init; }

    internal EditPositions Positions(ModelConfig config)
    {
        if (AtLayer is < 0 || AtLayer >= config.Layers)
            throw new UserException($"AtLayer is {AtLayer}; expected 0 to {config.Layers - 1}",
                nameof(AtLayer));
        return Position switch
        {
            "all" => EditPositions.All,
            "last" => EditPositions.Last,
            _ => throw new UserException($"Position is {Quoted.Name(Position)}; expected all or last",
                nameof(Position)),
        };
    }
}

/// <summary>What <see cref="LensMemoryJob"/> found: exactly one of its two parts is set.</summary>
public sealed record LensMemoryResult
{
    /// <summary>Of one pair.</summary>
    public LensMemoryOneResult? One { get; init; }

    /// <summary>Of several pairs.</summary>
    public LensMemoryAllResult? All { get; init; }
}

/// <summary>A memory made of what a head writes, and what it did to one prompt.</summary>
/// <param name="Layer">The head's layer, from 0.</param>
/// <param name="Head">The head, from 0.</param>
/// <param name="Favour">Lens logit of the single-hop run's next token less the mean over the vocabulary.
/// </param>
/// <param name="NextId">Token id of the single-hop run's next token.</param>
/// <param name="Next">That token as text.</param>
/// <param name="MemoryIds">Token ids of the memory.</param>
/// <param name="Memory">Its tokens as text.</param>
/// <param name="HoldsAnswer">Whether the answer's token is among them.</param>
/// <param name="AtLayer">The layer that received it, from 0.</param>
/// <param name="Tau">Its magnitude.</param>
/// <param name="AnswerId">Token id of the answer.</param>
/// <param name="Answer">The answer's token as text.</param>
/// <param name="ProbabilityBefore">Of the answer, 0 to 1.</param>
/// <param name="ProbabilityAfter">Of the answer, 0 to 1.</param>
/// <param name="RankBefore">1 is the most probable token.</param>
/// <param name="RankAfter">1 is the most probable token.</param>
/// <param name="Edit">The injection as an edit spec.</param>
public sealed record LensMemoryOneResult(int Layer, int Head, double Favour, int NextId, string Next,
    IReadOnlyList<int> MemoryIds, IReadOnlyList<string> Memory, bool HoldsAnswer, int AtLayer, float Tau,
    int AnswerId, string Answer, [property: JsonPropertyName("p_before")] double ProbabilityBefore,
    [property: JsonPropertyName("p_after")] double ProbabilityAfter, int RankBefore, int RankAfter,
    JsonObject Edit)
{
    /// <summary>The lens in a line.</summary>
    [JsonIgnore]
    public string LensLine { get; init; } = "";

    /// <summary>The single-hop run's most probable next tokens.</summary>
    [JsonIgnore]
    public IReadOnlyList<ModelTokenResult> SingleHop { get; init; } = [];

    /// <summary>Heads that the head was chosen from.</summary>
    [JsonIgnore]
    public int Heads { get; init; }

    /// <summary>Whether the last position alone received the memory.</summary>
    [JsonIgnore]
    public bool LastPosition { get; init; }
}

/// <summary>Memories of several kinds, tried on pairs of prompts.</summary>
/// <param name="Pairs">Number of pairs.</param>
/// <param name="Tokens">Tokens of a memory, at most.</param>
/// <param name="Tau">Its magnitude.</param>
/// <param name="AtLayer">The layer that received it, from 0; null for the favourite head's own.</param>
/// <param name="Memories">By kind.</param>
public sealed record LensMemoryAllResult(
    int Pairs, int Tokens, float Tau, int? AtLayer, IReadOnlyList<LensMemoryOutcome> Memories)
{
    /// <summary>Whether the last position alone received the memory.</summary>
    [JsonIgnore]
    public bool LastPosition { get; init; }
}

/// <summary>
/// Makes a memory of what a head writes in a single-hop run and injects it in a multi-hop run.
/// </summary>
public static class LensMemoryJob
{
    const string Atlas = "atlas";

    /// <summary>Runs the job.</summary>
    /// <exception cref="UserException">An option does not fit the lens or the model.</exception>
    /// <exception cref="OperationCanceledException">The job is to end.</exception>
    public static LensMemoryResult Run(LensMemoryOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        ModelConfig config = ModelFolder.ReadConfig(options.Model);
        ByteBpeTokenizer tokenizer = ByteBpeTokenizer.Load(options.Model);
        int? bos = PromptRequest.BosOf(options.Bos, config, options.Model);
        EncodedPair[] pairs = Pairs(options, context.Seed, (pair, place)
            => EncodedPair.Of(pair, tokenizer, config, bos, place));
        LensPlaces places = options.Places.Read(options.Model, config);
        if (!places.Source.ReadsHeads)
            throw new UserException(
                "a tuned lens reads the residual stream, not heads; expected a lens of heads");
        EditPositions positions = options.Positions(config);
        if (options.EditOut is { } spec)
            AtomicFile.RequireWritable(spec);
        using ComputeDevice device = context.OpenDevice();
        using LoadedModel loaded = LoadedModel.Open(context, device, options.Model);
        int top = Math.Min(places.Request.Top + 1, config.VocabSize); // one may be left out
        LensReadings readings = LensReadings.OfLastTokens(loaded.Model, places.Source,
            places.Request with { Top = top, WithBaseline = false }, [.. pairs.Select(p => p.Explicit)],
            share => context.Report("reading", share));
        return options.Pairs is null
            ? new()
            {
                One = One(options, positions, loaded.Model, pairs[0], places, readings,
                    new LensText(tokenizer)),
            }
            : new() { All = All(options, positions, loaded.Model, pairs, places, readings, context) };
    }

    // One pair from the options, or those of a file or the atlas.
    static EncodedPair[] Pairs(
        LensMemoryOptions options, ulong seed, Func<PromptPair, string, EncodedPair> encode)
    {
        string?[] given = [options.From, options.Into, options.Answer];
        string? split = options.Split;
        if (options.Pairs is null)
        {
            if (split is not null)
                throw new UserException("Split without Pairs; expected both",
                    nameof(options.Split), nameof(options.Pairs));
            if (given.Any(string.IsNullOrWhiteSpace))
                throw new UserException("expected From, Into and Answer, or Pairs", nameof(options.From),
                    nameof(options.Into), nameof(options.Answer), nameof(options.Pairs));
            string answer = given[2]!.Trim();
            return [encode(new PromptPair(given[0]!, given[1]!, answer, answer) { Memory = " " + answer },
                "the pair")];
        }
        if (given.Any(g => g is not null) || options.EditOut is not null || options.WithoutNext)
            throw new UserException("From, Into, Answer, WithoutNext and EditOut are for one pair; leave "
                + "them or Pairs out", nameof(options.From), nameof(options.Into), nameof(options.Answer),
                nameof(options.WithoutNext), nameof(options.EditOut), nameof(options.Pairs));
        IEnumerable<(PromptPair Pair, string Place)> found;
        if (options.Pairs == Atlas)
        {
            split ??= AtlasPairs.Test;
            found = AtlasPairs.HeldOut(new AtlasCorpus(AtlasFacts.Shipped, ShippedModel.CorpusSeed), seed)
                .Select((p, i) => (p, $"atlas pair {i}"));
        }
        else
        {
            PromptPairs file = PromptPairs.Read(options.Pairs);
            found = Enumerable.Range(0, file.Count).Select(i => (file[i], file.Place(i)));
        }
        EncodedPair[] pairs = [.. found.Where(p => split is null || p.Pair.Split == split)
            .Select(p => encode(p.Pair, p.Place))];
        return pairs.Length > 0 ? pairs : throw new UserException(
            $"Split is {Quoted.Name(split!)}, and no pair has this split", nameof(options.Split));
    }

    static LensMemoryOneResult One(LensMemoryOptions options, EditPositions positions, LanguageModel model,
        EncodedPair pair, LensPlaces places, LensReadings readings, LensText text)
    {
        LensMemory found = LensMemory.OfFavourite(readings, 0, places.Request.Top, options.WithoutNext);
        var memory = new Memory(found.Tokens, options.AtLayer ?? found.Layer, options.Tau)
        {
            Positions = positions,
        };
        Injection injection = Injection.Run(model, pair.Obscure, pair.Answer, [memory], top: 1);
        if (options.EditOut is { } spec)
            EditSpec.Write(spec, injection.Edits);
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

    static LensMemoryAllResult All(LensMemoryOptions options, EditPositions positions, LanguageModel model,
        EncodedPair[] pairs, LensPlaces places, LensReadings readings, JobContext context)
    {
        if (places.Request.Layers.Count * places.Request.Heads.Count < 2)
            throw new UserException("Layer and Head leave one head; expected others to compare it with",
                nameof(LensPlaceRequest.Layer), nameof(LensPlaceRequest.Head));
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
