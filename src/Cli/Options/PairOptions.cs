using System.CommandLine;
using System.Text.Json.Nodes;
using HeadTap.Inject;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Cli;

/// <summary>What verbs over pairs of prompts take: the model, the data and how both are read.</summary>
sealed class PairOptions
{
    readonly Option<string> _model = PromptOptions.ModelOption(required: true);
    readonly Option<string> _data = new("--data")
    {
        Description = "pairs of prompts: .jsonl as inject data writes, or one of the published .csv layouts",
        HelpName = "F", Required = true,
    };
    readonly Option<string?> _split = new("--split")
    {
        Description = "only pairs of this part of the data, such as validation", HelpName = "NAME",
    };
    readonly Option<int> _limit = GlobalOptions.Number("--limit", 0, "only the first N pairs; 0 takes all");
    readonly Option<string> _weights = InjectCommand.WeightsOption();
    readonly Option<bool> _bos = new("--bos")
    {
        Description = "put the config's begin-of-text token before each prompt (the paper's)",
    };

    /// <summary>Adds them to a verb.</summary>
    internal void AddTo(Command command)
    {
        foreach (Option option in (Option[])[_model, _data, _split, _limit, _weights, _bos])
            command.Options.Add(option);
    }

    /// <summary>As a manifest has them; the model and the data are there by their hashes.</summary>
    internal JsonObject Json(ParseResult parsed) => new()
    {
        ["split"] = parsed.GetValue(_split),
        ["limit"] = parsed.GetValue(_limit),
        ["weights"] = parsed.GetValue(_weights),
        ["bos"] = parsed.GetValue(_bos),
    };

    /// <summary>Reads config, tokenizer and pairs; the weights are not touched.</summary>
    /// <exception cref="UserException">Something does not fit.</exception>
    internal PairData Read(ParseResult parsed)
    {
        string folder = parsed.GetValue(_model)!, path = parsed.GetValue(_data)!;
        string? split = parsed.GetValue(_split);
        int limit = parsed.GetValue(_limit);
        bool processed = InjectCommand.Processed(parsed.GetValue(_weights)!);
        if (limit < 0)
            throw new UserException($"--limit is {limit}; expected 1 or more, or 0 for all");
        ModelConfig config = ModelFolder.ReadConfig(folder);
        ByteBpeTokenizer tokenizer = ByteBpeTokenizer.Load(folder);
        int? bos = PromptRequest.BosOf(parsed.GetValue(_bos), config, folder);
        PromptPairs pairs = PromptPairs.Read(path);
        int[] chosen = [.. Enumerable.Range(0, pairs.Count)
            .Where(i => split is null || pairs[i].Split == split)];
        if (chosen.Length == 0)
            throw new UserException($"{Quoted.Path(path)}: no pair has split {Quoted.Name(split!)}; it has "
                + string.Join(", ", pairs.Select(p => Quoted.Name(p.Split)).Distinct()));
        if (limit > 0)
            chosen = [.. chosen.Take(limit)];
        return new(folder, path, config, tokenizer, processed, bos,
            [.. chosen.Select(i => EncodedPair.Of(pairs[i], tokenizer, config, bos, pairs.Place(i)))]);
    }
}

/// <summary>Pairs of prompts for a model.</summary>
/// <param name="Folder">The model's folder.</param>
/// <param name="File">Where the pairs came from.</param>
/// <param name="Config">The model's sizes.</param>
/// <param name="Tokenizer">Its tokenizer.</param>
/// <param name="Processed">Whether weights are rewritten as TransformerLens does.</param>
/// <param name="Bos">What stands before each prompt; null for nothing.</param>
/// <param name="Pairs">The pairs as tokens, checked against the config.</param>
sealed record PairData(string Folder, string File, ModelConfig Config, ByteBpeTokenizer Tokenizer, bool Processed,
    int? Bos, IReadOnlyList<EncodedPair> Pairs)
{
    /// <summary>The pairs of one split.</summary>
    /// <exception cref="UserException">There are none.</exception>
    internal EncodedPair[] Part(string split, string option)
    {
        EncodedPair[] part = [.. Pairs.Where(p => p.Pair.Split == split)];
        return part.Length > 0 ? part : throw new UserException(
            $"{option} is {Quoted.Name(split)}, and no pair has this split; {Quoted.Path(File)} has "
            + string.Join(", ", Pairs.Select(p => Quoted.Name(p.Pair.Split)).Distinct()));
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
                + "--position entity has no positions");
    }

    /// <summary>Puts the model on a device.</summary>
    internal LoadedModel Open(Invocation run, ComputeDevice device)
        => LoadedModel.Open(run, device, Folder, Processed);

    /// <summary>What decides results over these pairs.</summary>
    internal Manifest Manifest(string command, JsonObject options,
        ComputeDevice device) => new()
    {
        Command = command,
        Options = options,
        ModelHash = ModelFolder.Hash(Folder),
        DataHash = FileHash.Sha256(File),
        Device = device.Name,
        Precision = device.Precision.ManifestName(),
    };
}
