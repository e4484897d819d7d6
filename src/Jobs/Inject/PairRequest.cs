using System.Text.Json.Nodes;
using HeadTap.Inject;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>A file of prompt pairs, and the model that reads them.</summary>
public sealed record PairRequest
{
    /// <summary>A model folder as Hugging Face keeps it.</summary>
    public required string Model { get; init; }

    /// <summary>Pairs of prompts: .jsonl as <see cref="InjectDataJob"/> writes, or a published .csv layout.
    /// </summary>
    public required string Data { get; init; }

    /// <summary>Takes only pairs of this part of the data, such as validation.</summary>
    public string? Split { get; init; }

    /// <summary>Takes only the first pairs; 0 takes all.</summary>
    public int Limit { get; init; }

    /// <summary>raw, or transformer-lens (LayerNorm folded, centred: the paper's).</summary>
    public string Weights { get; init; } = "raw";

    /// <summary>Puts the config's begin-of-text token before each prompt (the paper's).</summary>
    public bool Bos { get; init; }

    /// <summary>As a manifest has them; the model and the data are there by their hashes.</summary>
    internal JsonObject Json() => new()
    {
        ["split"] = Split,
        ["limit"] = Limit,
        ["weights"] = Weights,
        ["bos"] = Bos,
    };

    /// <summary>Reads config, tokenizer and pairs; the weights are not touched.</summary>
    /// <exception cref="UserException">Something does not fit.</exception>
    public PairData Read()
    {
        bool processed = InjectionWords.Processed(Weights);
        if (Limit < 0)
            throw new UserException($"Limit is {Limit}; expected 1 or more, or 0 for all", nameof(Limit));
        ModelConfig config = ModelFolder.ReadConfig(Model);
        ByteBpeTokenizer tokenizer = ByteBpeTokenizer.Load(Model);
        int? bos = PromptRequest.BosOf(Bos, config, Model);
        PromptPairs pairs = PromptPairs.Read(Data);
        int[] chosen = [.. Enumerable.Range(0, pairs.Count)
            .Where(i => Split is null || pairs[i].Split == Split)];
        if (chosen.Length == 0)
            throw new UserException($"{Quoted.Path(Data)}: no pair has split {Quoted.Name(Split!)}; it has "
                + string.Join(", ", pairs.Select(p => Quoted.Name(p.Split)).Distinct()));
        if (Limit > 0)
            chosen = [.. chosen.Take(Limit)];
        return new(Model, Data, config, tokenizer, processed, bos,
            [.. chosen.Select(i => EncodedPair.Of(pairs[i], tokenizer, config, bos, pairs.Place(i)))]);
    }
}

/// <summary>Pairs of prompts for a model.</summary>
/// <param name="Folder">The model's folder.</param>
/// <param name="File">Where the pairs came from.</param>
/// <param name="Config">Sizes and options of the model.</param>
/// <param name="Tokenizer">The model's tokenizer.</param>
/// <param name="Processed">Whether weights are rewritten as TransformerLens does.</param>
/// <param name="Bos">The token before each prompt; null for none.</param>
/// <param name="Pairs">The pairs as tokens, checked against the config.</param>
public sealed record PairData(string Folder, string File, ModelConfig Config, ByteBpeTokenizer Tokenizer,
    bool Processed, int? Bos, IReadOnlyList<EncodedPair> Pairs)
{
    /// <summary>The pairs of one split.</summary>
    /// <param name="split">The split.</param>
    /// <param name="option">The field that named it, for the message.</param>
    /// <exception cref="UserException">There are none.</exception>
    internal EncodedPair[] Part(string split, string option)
    {
        EncodedPair[] part = [.. Pairs.Where(p => p.Pair.Split == split)];
        return part.Length > 0 ? part : throw new UserException(
            $"{option} is {Quoted.Name(split)}, and no pair has this split; {Quoted.Path(File)} has "
            + string.Join(", ", Pairs.Select(p => Quoted.Name(p.Pair.Split)).Distinct()), option);
    }

    /// <summary>Checks that every pair can have the cells of a grid.</summary>
    /// <exception cref="UserException">A memory is too long for its encoder, or no prompt has the
    /// positions.</exception>
    internal void RequireFor(SweepGrid grid)
    {
        if (grid.Encoders.Contains(MemoryEncoder.Layer)
            && Pairs.FirstOrDefault(p => p.Memory.Length + 1 > Config.ContextLength) is { } tooLong)
            throw new UserException($"the memory {Quoted.Name(tooLong.Pair.Memory)} has "
                + $"{tooLong.Memory.Length} tokens; the encoder layer takes at most "
                + $"{Config.ContextLength - 1}");
        if (grid.Positions is [MemoryPositions.Entity] && !Pairs.Any(p => p.HasEntity))
            throw new UserException($"{Quoted.Path(File)}: no prompt contains its obscure_entity, so "
                + "Position entity has no positions", nameof(GridRequest.Position));
    }

    /// <summary>Puts the model on a device.</summary>
    internal LoadedModel Open(JobContext context, ComputeDevice device)
        => LoadedModel.Open(context, device, Folder, Processed);

    /// <summary>What decides results over these pairs.</summary>
    internal Manifest Manifest(string command, JsonObject options, ComputeDevice device) => new()
    {
        Command = command,
        Options = options,
        ModelHash = ModelFolder.Hash(Folder),
        DataHash = FileHash.Sha256(File),
        Device = device.Name,
        Precision = device.Precision.ManifestName(),
    };
}
