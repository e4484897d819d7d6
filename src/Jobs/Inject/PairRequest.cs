using System.Text.Json.Nodes;
using HeadTap.Inject;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>A file of prompt pairs, and the model to run them on.</summary>
public sealed record PairRequest
{
    /// <summary>Folder of the model, in Hugging Face's format.</summary>
    public required string Model { get; init; }

    /// <summary>
    /// File of prompt pairs: .jsonl as <see cref="InjectDataJob"/> writes it, or a published .csv layout.
    /// </summary>
    public required string Data { get; init; }

    /// <summary>Split whose pairs are used, such as validation; null for all.</summary>
    public string? Split { get; init; }

    /// <summary>Number of pairs to use, from the first; 0 for all.</summary>
    public int Limit { get; init; }

    /// <summary>Weights: raw, or transformer-lens (LayerNorm folded, centred; the paper's).</summary>
    public string Weights { get; init; } = "raw";

    /// <summary>How texts are read and become tokens.</summary>
    public TextRules Rules { get; init; } = new();

    /// <summary>Returns the options for a manifest, which has model and data as hashes.</summary>
    internal JsonObject Json() => new()
    {
        ["split"] = Split,
        ["limit"] = Limit,
        ["weights"] = Weights,
        ["bos"] = Rules.Bos || Rules.BosToken is not null,
    };

    /// <summary>Reads config, tokenizer and pairs, but not the weights.</summary>
    /// <param name="context">Gets remarks; null for none.</param>
    /// <exception cref="UserException">A file cannot be read, or a pair does not fit the model.</exception>
    public PairData Read(JobContext? context = null)
    {
        bool processed = InjectionWords.Processed(Weights);
        if (Limit < 0)
            throw new UserException($"{Field.Of(nameof(Limit))} is {Limit}; expected 1 or more, or 0 for "
                + "all");
        ModelConfig config = ModelFolder.ReadConfig(Model);
        ModelText text = ModelText.Open(Model, config, Rules, context);
        (ByteBpeTokenizer tokenizer, int? bos) = (text.Required(), text.Bos);
        config = config with { BosToken = text.Begin };
        PromptPairs pairs = PromptPairs.Read(Data, context?.Remark);
        int[] chosen = [.. Enumerable.Range(0, pairs.Count)
            .Where(i => Split is null || pairs[i].Split == Split)];
        if (chosen.Length == 0)
            throw new UserException($"{Quoted.Path(Data)}: no pair has split {Quoted.Name(Split!)}; it has "
                + string.Join(", ", pairs.Select(p => Quoted.Name(p.Split)).Distinct()));
        if (Limit > 0)
            chosen = [.. chosen.Take(Limit)];
        EncodedPair[] encoded =
            [.. chosen.Select(i => EncodedPair.Of(pairs[i], tokenizer, config, bos, pairs.Place(i)))];
        text.RemarkWithout(encoded.Select(pair => pair.Obscure));
        return new(Model, Data, config, tokenizer, processed, bos, encoded);
    }
}

/// <summary>Prompt pairs, encoded for a model.</summary>
/// <param name="Folder">Folder of the model.</param>
/// <param name="File">File of the pairs.</param>
/// <param name="Config">Sizes and options of the model.</param>
/// <param name="Tokenizer">Tokenizer of the model.</param>
/// <param name="Processed">Whether weights are rewritten as TransformerLens does.</param>
/// <param name="Bos">Token id before each prompt; null for none.</param>
/// <param name="Pairs">Pairs as tokens, checked against the config.</param>
public sealed record PairData(string Folder, string File, ModelConfig Config, ByteBpeTokenizer Tokenizer,
    bool Processed, int? Bos, IReadOnlyList<EncodedPair> Pairs)
{
    /// <summary>Returns the pairs of one split.</summary>
    /// <param name="split">Name of the split.</param>
    /// <param name="option">Option that named the split, for the message.</param>
    /// <exception cref="UserException">The split has no pairs.</exception>
    internal EncodedPair[] Part(string split, string option)
    {
        EncodedPair[] part = [.. Pairs.Where(p => p.Pair.Split == split)];
        return part.Length > 0 ? part : throw new UserException(
            $"{Field.Of(option)} is {Quoted.Name(split)}, and no pair has this split; {Quoted.Path(File)} "
                + "has "
            + string.Join(", ", Pairs.Select(p => Quoted.Name(p.Pair.Split)).Distinct()));
    }

    /// <summary>Checks that every pair can run the cells of a grid.</summary>
    /// <exception cref="UserException">A memory is too long for its encoder, or no prompt has the
    /// positions.</exception>
    internal void RequireFor(SweepGrid grid)
    {
        if (grid.Encoders.Contains(MemoryEncoder.Layer)
            && Pairs.FirstOrDefault(p => p.Memory.Length + 1 > Config.ContextLength) is { } tooLong)
            throw new UserException($"the memory {Quoted.Name(tooLong.Pair.Memory)} has "
                + $"{Counted.Of(tooLong.Memory.Length, "token")}; the encoder layer takes at most "
                + $"{Config.ContextLength - 1}");
        JacobianDirections.Require(
            grid.Lens, grid.Encoders, (Folder, Config, Processed), grid.Layers, grid.Target);
        if (grid.Positions is [MemoryPositions.Entity] && !Pairs.Any(p => p.HasEntity))
            throw new UserException($"{Quoted.Path(File)}: no prompt contains its obscure_entity, so "
                + $"{Field.Of(nameof(GridRequest.Position))} entity has no positions");
    }

    /// <summary>Loads the model onto a device.</summary>
    internal LoadedModel Open(JobContext context, ComputeDevice device)
        => LoadedModel.Open(context, device, Folder, Processed, begin: Config.BosToken);

    /// <summary>Makes the manifest of results over these pairs.</summary>
    internal Manifest Manifest(string command, JsonObject options, ComputeDevice device)
        => Manifest(command, options, RunDevice.Of(device));

    /// <summary>As above, for results of a device that may be elsewhere.</summary>
    internal Manifest Manifest(string command, JsonObject options, RunDevice device) => new()
    {
        Command = command,
        Options = options,
        ModelHash = ModelFolder.Hash(Folder),
        DataHash = FileHash.Sha256(File),
        Device = device.Name,
        Precision = device.Precision,
    };
}
