using System.Text.Json.Nodes;
using HeadTap.Inject;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="InjectRandomJob"/>.</summary>
public sealed record InjectRandomOptions
{
    /// <summary>Model and prompt pairs.</summary>
    public required PairRequest Pairs { get; init; }

    /// <summary>
    /// Categories of memories, separated by commas: random-tokens, other-bridges and categories of
    /// <see cref="Words"/>.
    /// </summary>
    public string Category { get; init; } = $"{MemoryCategory.RandomTokens},{MemoryCategory.OtherBridges}";

    /// <summary>
    /// File of word lists: a .csv with the published columns, or one word per line; null for none.
    /// </summary>
    public string? Words { get; init; }

    /// <summary>Number of words per category; at least 1.</summary>
    public int Count { get; init; } = 40;

    /// <summary>
    /// Layer of the curated memory, from 0; with <see cref="Drawn"/> several layers, or all.
    /// </summary>
    public required string Layer { get; init; }

    /// <summary>Magnitude; with <see cref="Drawn"/> several, such as 1-15.</summary>
    public string Tau { get; init; } = "3";

    /// <summary>
    /// Whether to draw one word per pair, layer and magnitude, instead of trying each word on every pair.
    /// </summary>
    public bool Drawn { get; init; }

    /// <summary>
    /// Layer of random memories: corrected (the curated memory's layer) or published (one layer later).
    /// </summary>
    public string Placement { get; init; } = "corrected";

    /// <summary>Whether to scale each random vector to the length of the pair's curated vector.</summary>
    public bool SameNorm { get; init; }

    /// <summary>Encoder: unembed, embed, layer or jacobian.</summary>
    public string Encoder { get; init; } = "unembed";

    /// <summary>Folder of the Jacobian lens of the encoder jacobian; null without it.</summary>
    public string? Lens { get; init; }

    /// <summary>
    /// File for one JSON row per word and pair, .jsonl, with a manifest beside it; null for none.
    /// </summary>
    public string? Out { get; init; }
}

/// <summary>
/// Injects memories that are unrelated to the question, and compares them with the curated ones.
/// </summary>
public static class InjectRandomJob
{
    /// <summary>Runs the job and returns its result.</summary>
    /// <exception cref="UserException">An option does not fit.</exception>
    public static InjectRandomResult Run(InjectRandomOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        PairData data = options.Pairs.Read(context);
        int[] layers = options.Layer == "all" ? [.. Enumerable.Range(0, data.Config.Layers)]
            : InjectionWords.Layers(options.Layer, data.Config);
        float[] taus = [.. InjectionWords.Numbers(nameof(options.Tau), options.Tau)];
        if (!options.Drawn && (layers.Length > 1 || taus.Length > 1))
            throw new UserException($"{Counted.Of(layers.Length, "layer")} and "
                + $"{Counted.Of(taus.Length, "magnitude")} without "
                + $"{Field.Of(nameof(options.Drawn))}; expected one of each");
        RandomMemoryOptions memories = Memories(options, layers[0], taus[0]);
        memories.Validate(data.Config);
        JacobianDirections.Require(options.Lens, [memories.Encoder],
            (data.Folder, data.Config, data.Processed), [.. layers, memories.RandomLayer], SiteKind.AttnOut);
        IReadOnlyList<MemoryCategory> categories = Categories(options, data, context.Seed);
        if (options.Out is { } place)
            OutputFile.Require(place);
        using ComputeDevice device = context.OpenDevice();
        using LoadedModel loaded = data.Open(context, device);
        var injections = new RowInjections(loaded.Model, data.Pairs);
        Manifest manifest = data.Manifest("inject random", ManifestOptions(options, data), device) with
        {
            Seed = context.Seed,
        };
        if (!options.Drawn)
        {
            var cell = RandomMemories.Run(injections, categories, memories,
                share => context.Report("injecting", share));
            return RandomResults.Of(injections, options.Out, manifest, memories, cell) with
            {
                Bos = data.Bos,
            };
        }
        AnswerStanding[] before = injections.Before(p => p.Obscure);
        var drawn = new List<DrawnMemories>();
        MemoryCategory?[] all = [null, .. categories];
        foreach (MemoryCategory? category in all)
            drawn.Add(DrawnMemories.Run(injections, before, category, layers, taus, memories, context.Seed,
                share => context.Report("injecting", (drawn.Count + share) / all.Length,
                    category?.Name ?? DrawnMemories.Curated)));
        return RandomResults.Of(injections, options.Out, manifest, before, drawn) with { Bos = data.Bos };
    }

    static RandomMemoryOptions Memories(InjectRandomOptions options, int layer, float tau)
    {
        if (options.Drawn && options.Placement == "published")
            throw new UserException($"{Field.Of(nameof(options.Placement))} published belongs to one cell; "
                + $"leave {Field.Of(nameof(options.Drawn))} out");
        return new()
        {
            Layer = layer,
            Tau = tau,
            SameNorm = options.SameNorm,
            Encoder = InjectionWords.Encoder(options.Encoder),
            Lens = options.Lens,
            Placement = options.Placement switch
            {
                "corrected" => RandomPlacement.Corrected,
                "published" => RandomPlacement.Published,
                _ => throw new UserException(
                    $"{Field.Of(nameof(options.Placement))} is {Quoted.Name(options.Placement)}; expected "
                        + "corrected or published"),
            },
        };
    }

    static MemoryCategory[] Categories(InjectRandomOptions options, PairData data, ulong seed)
    {
        int count = options.Count;
        if (count < 1)
            throw new UserException($"{Field.Of(nameof(options.Count))} is {count}; expected 1 or more");
        string? words = options.Words;
        string[] names = [.. options.Category.Split(',').Distinct()];
        if (words is not null
            && names.All(n => n is MemoryCategory.RandomTokens or MemoryCategory.OtherBridges))
            throw new UserException($"{Field.Of(nameof(options.Words))} is not used by these categories; "
                + $"name one of its own with {Field.Of(nameof(options.Category))}, or leave it out");
        MemoryCategory[] found = [.. names.Select(name => name switch
        {
            MemoryCategory.RandomTokens
                => MemoryCategory.DrawTokens(count, data.Tokenizer, data.Config, seed),
            MemoryCategory.OtherBridges => MemoryCategory.DrawBridges(count, data.Pairs, seed),
            _ when words is not null => MemoryCategory.First(name,
                WordList.Read(words, name == "words" ? null : name), count, data.Tokenizer, data.Config),
            _ => throw new UserException($"{Field.Of(nameof(options.Category))} is {Quoted.Name(name)}; "
                + "expected random-tokens, other-bridges, or a category of "
                + $"{Field.Of(nameof(options.Words))} F"),
        })];
        // A word that is the memory of every pair has no pair left to be tried on.
        found = [.. found.Select(c => c with
        {
            Words = [.. c.Words.Where(w => data.Pairs.Any(p => !w.Tokens.AsSpan().SequenceEqual(p.Memory)))],
        })];
        if (found.FirstOrDefault(c => c.Words.Count == 0) is { } empty)
            throw new UserException($"{Field.Of(nameof(options.Category))} {empty.Name} has no word but the "
                + "pairs' own memory; expected pairs with several memories, or another category");
        return found;
    }

    static JsonObject ManifestOptions(InjectRandomOptions options, PairData data)
    {
        JsonObject json = options.Pairs.Json();
        json["category"] = options.Category;
        json["layer"] = options.Layer;
        json["tau"] = options.Tau;
        json["placement"] = options.Placement;
        json["encoder"] = options.Encoder;
        if (options.Lens is { } lens)
            json["lens"] = FileHash.Sha256(Path.Combine(lens, StreamJacobian.WeightsFile));
        json["words"] = options.Words;
        json["words_hash"] = options.Words is { } file ? FileHash.Sha256(file) : null;
        json["count"] = options.Count;
        json["drawn"] = options.Drawn;
        json["same_norm"] = options.SameNorm;
        json["bos_token"] = data.Bos;
        return json;
    }
}
