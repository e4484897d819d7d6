using System.Text.Json.Nodes;
using HeadTap.Inject;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="InjectSuggestJob"/>.</summary>
public sealed record InjectSuggestOptions
{
    /// <summary>Default magnitudes of the fixed cells.</summary>
    public const string DefaultTaus = "0.5,1,2,4,8";

    /// <summary>Folder of the model, in Hugging Face's format.</summary>
    public required string Model { get; init; }

    /// <summary>One pair of prompts. If it has no prompts, <see cref="Data"/> is read.</summary>
    public required PairPromptRequest Pair { get; init; }

    /// <summary>A .jsonl or .csv file of pairs, instead of one pair; null for none.</summary>
    public string? Data { get; init; }

    /// <summary>Split whose pairs are used; null for all.</summary>
    public string? Split { get; init; }

    /// <summary>
    /// Whether to evaluate suggestions on the split test, in comparison with one cell for all pairs chosen on
    /// the split validation, with each pair's best cell, and with other layers.
    /// </summary>
    public bool Evaluate { get; init; }

    /// <summary>Magnitudes of the fixed cells of <see cref="Evaluate"/>; null for
    /// <see cref="DefaultTaus"/>.</summary>
    public string? Tau { get; init; }

    /// <summary>
    /// Kind of memory: bridge-layer, bridge, difference-tokens, explicit-tokens, difference, or auto, which
    /// takes the closest of the first four. Null for auto.
    /// </summary>
    public string? Memory { get; init; }

    /// <summary>Number of tokens of difference-tokens and explicit-tokens; at least 1.</summary>
    public int Count { get; init; } = 20;

    /// <summary>How memories are made of tokens, and tokens are read: unembed or jacobian.</summary>
    public string Encoder { get; init; } = "unembed";

    /// <summary>Folder of the Jacobian lens of the encoder jacobian, at resid_mid; null without it.</summary>
    public string? Lens { get; init; }

    /// <summary>Weights: raw, or transformer-lens (LayerNorm folded, centred; the paper's).</summary>
    public string Weights { get; init; } = "raw";

    /// <summary>
    /// File for the suggestion as an edit spec, which trace and generate can replay, with a manifest beside
    /// it; null for none.
    /// </summary>
    public string? EditOut { get; init; }

    /// <summary>
    /// File for one JSON row per pair of <see cref="Data"/>, .jsonl, with a manifest beside it; null for
    /// none.
    /// </summary>
    public string? Out { get; init; }

    internal bool HasBridge => Pair.Bridge is not null;

    internal bool HasAnswer => Pair.Answer is not null;

    internal void RequireOneSource(bool hasPair)
    {
        if (hasPair == Data is not null)
            throw new UserException(hasPair ? "a pair and a file of pairs; expected one of the two"
                : $"no prompts; expected {Field.Of(nameof(Pair.Explicit))} and "
                + $"{Field.Of(nameof(Pair.Obscure))}, or {Field.Of(nameof(Data))}");
        if (Data is null && (Evaluate || Out is not null || Split is not null))
            throw new UserException($"{Field.Of(nameof(Evaluate))}, {Field.Of(nameof(Out))} and "
                + $"{Field.Of(nameof(Split))} belong to {Field.Of(nameof(Data))}; leave them out");
        if (Data is not null && (HasBridge || HasAnswer))
            throw new UserException($"{Field.Of(nameof(Pair.Bridge))} and {Field.Of(nameof(Pair.Answer))} "
                + "belong to one pair; a file has its own");
        if (Evaluate ? Memory is not null : Tau is not null)
            throw new UserException(Evaluate ? $"{Field.Of(nameof(Evaluate))} compares all memories; leave "
                + $"{Field.Of(nameof(Memory))} out"
                : $"{Field.Of(nameof(Tau))} is of the fixed cells of {Field.Of(nameof(Evaluate))}; leave it "
                + "out");
        if (EditOut is not null && Data is not null)
            throw new UserException($"{Field.Of(nameof(EditOut))} belongs to one pair; with "
                + $"{Field.Of(nameof(Data))} write rows with {Field.Of(nameof(Out))}");
        if (Evaluate && (Split ?? Out) is not null)
            throw new UserException($"{Field.Of(nameof(Evaluate))} takes the splits validation and test and "
                + $"writes no rows; leave {Field.Of(nameof(Split))} and {Field.Of(nameof(Out))} out");
    }

    /// <summary>Returns the requested kind of memory; null for auto.</summary>
    internal SuggestedMemory? Kind()
    {
        string word = Memory ?? "auto";
        if (word == "auto")
            return null;
        foreach (SuggestedMemory kind in Enum.GetValues<SuggestedMemory>())
            if (Suggestion.Word(kind) == word)
                return kind;
        throw new UserException($"{Field.Of(nameof(Memory))} is {Quoted.Name(word)}; expected auto, "
            + string.Join(", ", Enum.GetValues<SuggestedMemory>().Select(Suggestion.Word)));
    }

    /// <summary>
    /// Returns the kinds of memories to try. Without a bridge, only memories taken from the two runs are
    /// possible.
    /// </summary>
    internal SuggestedMemory[] Kinds(bool hasBridge, ModelConfig config, SuggestedMemory? asked)
    {
        SuggestedMemory[] kinds = [.. Enum.GetValues<SuggestedMemory>().Where(kind =>
            (hasBridge || kind is not (SuggestedMemory.Bridge or SuggestedMemory.BridgeLayer))
            && (kind != SuggestedMemory.BridgeLayer || config.BosToken is not null))];
        return asked is not { } one || kinds.Contains(one) ? kinds
            : throw new UserException($"{Field.Of(nameof(Memory))} {Suggestion.Word(one)} needs "
                + (hasBridge ? "a model with a begin-of-text token" : $"{Field.Of(nameof(Pair.Bridge))}"));
    }

    internal JsonObject Json(int? bosToken) => new()
    {
        ["split"] = Split,
        ["memory"] = Memory ?? "auto",
        ["count"] = Count,
        ["encoder"] = Encoder,
        ["lens"] = Lens is { } lens ? FileHash.Sha256(Path.Combine(lens, StreamJacobian.WeightsFile)) : null,
        ["weights"] = Weights,
        ["bos"] = Pair.Rules.Bos || Pair.Rules.BosToken is not null,
        ["bos_token"] = bosToken,
    };
}

/// <summary>
/// Finds the layer and head where the multi-hop run departs from the single-hop run, and suggests a memory to
/// inject there. It does not use the answer.
/// </summary>
public static class InjectSuggestJob
{
    const int PairsAtOnce = 64; // each holds float64 values for the whole vocabulary

    /// <summary>Runs the job and returns its result.</summary>
    /// <exception cref="UserException">An option does not fit.</exception>
    public static InjectSuggestResult Run(InjectSuggestOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        string folder = options.Model;
        SuggestedMemory? memory = options.Kind();
        bool processed = InjectionWords.Processed(options.Weights);
        MemoryEncoder encoder = InjectionWords.TokenEncoder(options.Encoder);
        ModelConfig config = ModelFolder.ReadConfig(folder);
        if (options.Count < 1 || options.Count > config.VocabSize)
            throw new UserException($"{Field.Of(nameof(options.Count))} is {options.Count}; expected 1 to "
                + $"{config.VocabSize}");
        float[] taus = [.. InjectionWords.Numbers(nameof(options.Tau),
            options.Tau ?? InjectSuggestOptions.DefaultTaus)];
        ModelText read = ModelText.Open(folder, config, options.Pair.Rules, context);
        ByteBpeTokenizer tokenizer = read.Required();
        config = config with { BosToken = read.Begin };
        EncodedPair? pair = options.Pair.Read(read);
        options.RequireOneSource(pair is not null);
        JacobianDirections.Require(options.Lens, [encoder], (folder, config, processed),
            Enumerable.Range(0, config.Layers), SiteKind.AttnOut);
        EncodedPair[] pairs = pair is not null ? [pair] : ReadData(options, read, context);
        (EncodedPair[] Validation, EncodedPair[] Test)? parts = !options.Evaluate ? null
            : (Part(pairs, AtlasPairs.Validation), Part(pairs, AtlasPairs.Test));
        foreach (string? path in (string?[])[options.EditOut, options.Out])
            if (path is not null)
                OutputFile.Require(path);
        using ComputeDevice device = context.OpenDevice();
        using LoadedModel loaded = LoadedModel.Open(
            context, device, folder, processed, begin: read.Begin);
        if (parts is var (validation, test))
            return new InjectSuggestResult
            {
                Evaluation = SuggestionEvaluationResult.Of(SuggestionEvaluation.Run(loaded.Model, validation,
                    test, taus, options.Count, context.Seed,
                    (what, share) => context.Report("evaluating", share, what), options.Lens),
                    validation.Length, test.Length) with { Bos = read.Bos },
            };
        bool hasBridge = pair is null || options.HasBridge;
        List<SuggestedPair> found = Search(context, loaded.Model, pairs,
            options.Kinds(hasBridge, config, memory), memory, options);
        var text = new SuggestionText(tokenizer, hasBridge, pair is null || options.HasAnswer, read.Bos);
        if (pair is not null)
        {
            if (options.EditOut is { } spec)
            {
                JobEdits.Write(spec, [found[0].Chosen.ToEdit()], context);
                Manifest made = Made(options, read.Bos, device);
                (made.Options["explicit"], made.Options["obscure"], made.Options["bridge"]) =
                    (options.Pair.Explicit, options.Pair.Obscure, options.Pair.Bridge);
                made.WriteBeside(spec);
            }
            return new InjectSuggestResult { One = text.Result(found[0]) };
        }
        InjectSuggestAllResult all = text.Result(found) with { Bos = read.Bos };
        if (options.Out is { } rows)
            SuggestionText.Write(rows, all.Suggestions, Made(options, read.Bos, device));
        return new InjectSuggestResult { All = all };
    }

    static Manifest Made(InjectSuggestOptions options, int? bos, ComputeDevice device) => new()
    {
        Command = "inject suggest",
        Options = options.Json(bos),
        ModelHash = ModelFolder.Hash(options.Model),
        DataHash = options.Data is { } data ? FileHash.Sha256(data) : null,
        Device = device.Name,
        Precision = device.Precision.ManifestName(),
    };

    static List<SuggestedPair> Search(JobContext context, LanguageModel model, EncodedPair[] pairs,
        SuggestedMemory[] kinds, SuggestedMemory? memory,
        InjectSuggestOptions options)
    {
        var found = new List<SuggestedPair>();
        foreach (EncodedPair[] some in pairs.Chunk(PairsAtOnce))
        {
            context.Cancel.ThrowIfCancellationRequested();
            var search = new HopSearch(model, some, options.Lens);
            IReadOnlyList<FailingHop> hops = search.Find();
            int[] layers = [.. hops.Select(h => h.Layer)];
            IReadOnlyList<Suggestion>[] all =
                [.. kinds.Select(k => search.Suggest(k, layers, options.Count))];
            for (int i = 0; i < some.Length; i++)
            {
                Suggestion[] each = [.. all.Select(kind => kind[i])];
                Suggestion chosen = each.Where(s => memory is { } kind ? s.Kind == kind
                    : s.Kind != SuggestedMemory.Difference).MinBy(s => s.Divergence)!;
                found.Add(new(some[i], hops[i], search.Before[i], each, chosen,
                    PlaceComparison.CosineOf(search.Single[i].Layer(hops[i].Layer, model.Config),
                        search.Multi[i].Layer(hops[i].Layer, model.Config)))
                {
                    SameNext = search.SameNext[i],
                });
            }
            context.Report("comparing", (double)found.Count / pairs.Length,
                $"{found.Count} of {pairs.Length}");
        }
        return found;
    }

    static EncodedPair[] Part(EncodedPair[] pairs, string split)
        => pairs.Where(p => p.Pair.Split == split).ToArray() is { Length: > 1 } part ? part
        : throw new UserException(
            $"{Field.Of(nameof(InjectSuggestOptions.Evaluate))} needs pairs of the splits validation and "
                + $"test; there are too few of {split}");

    static EncodedPair[] ReadData(
        InjectSuggestOptions options, ModelText text, JobContext context)
    {
        ByteBpeTokenizer tokenizer = text.Required();
        PromptPairs pairs = PromptPairs.Read(options.Data!, context.Remark);
        EncodedPair[] chosen = [.. Enumerable.Range(0, pairs.Count)
            .Where(i => options.Split is null || pairs[i].Split == options.Split)
            .Select(i => EncodedPair.Of(pairs[i], tokenizer, text.Config, text.Bos, pairs.Place(i)))];
        text.RemarkWithout(chosen.Select(pair => pair.Obscure));
        return chosen.Length > 0 ? chosen : throw new UserException(
            $"{Quoted.Path(options.Data!)}: no pair has split {Quoted.Name(options.Split!)}");
    }
}
