using System.CommandLine;
using HeadTap.Atlas;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Cli;

/// <summary>
/// Texts for lenses: <c>--text-file</c>, <c>--batch</c> or <c>--atlas</c>, and <c>--bos</c>.
/// </summary>
sealed class LensTexts
{
    readonly Option<string[]> _files = new("--text-file")
    {
        Description = "texts, .txt (documents apart by <|endoftext|>) or .jsonl; several may be given",
        HelpName = "F", AllowMultipleArgumentsPerToken = true,
    };
    readonly Option<string?> _batch = new("--batch")
    {
        Description = "a JSON file with a list of lists of token ids", HelpName = "FILE.json",
    };
    readonly Option<ulong?> _atlas = new("--atlas")
    {
        Description = "texts of the atlas generator, made from this seed", HelpName = "SEED",
    };
    readonly Option<bool> _bos = new("--bos")
    {
        Description = "put the config's begin-of-text token before each document; nothing else does",
    };

    /// <summary>Adds them to a verb.</summary>
    public void AddTo(Command command)
    {
        foreach (Option option in (Option[])[_files, _batch, _atlas, _bos])
            command.Options.Add(option);
    }

    /// <summary>The token of <c>--bos</c>; null for none.</summary>
    /// <exception cref="UserException">The config names none.</exception>
    public int? Bos(ParseResult parsed, ModelConfig config, string folder)
        => PromptRequest.BosOf(parsed.GetValue(_bos), config, folder);

    /// <summary>The texts, as the model's tokens.</summary>
    /// <exception cref="UserException">Not one source is given, or it cannot be used.</exception>
    public DocumentSource Read(ParseResult parsed, string folder, ModelConfig config)
    {
        string[] files = parsed.GetValue(_files) ?? [];
        (string? batch, ulong? atlas) = (parsed.GetValue(_batch), parsed.GetValue(_atlas));
        int given = (files.Length > 0 ? 1 : 0) + (batch is null ? 0 : 1) + (atlas is null ? 0 : 1);
        if (given != 1)
            throw new UserException($"{(given == 0 ? "no texts" : "texts of several kinds")}; expected "
                + "one of --text-file, --batch and --atlas");
        if (batch is not null)
        {
            DocumentSource ids = DocumentSource.FromIds(TokenRowsFile.Read(batch), batch);
            for (int i = 0; i < ids.Count; i++)
                ids.Read(i, config.VocabSize); // refused before the model is read
            return ids;
        }
        ByteBpeTokenizer tokenizer = ByteBpeTokenizer.Load(folder);
        if (tokenizer.VocabSize > config.VocabSize)
            throw new UserException($"{folder}: the tokenizer has {tokenizer.VocabSize} tokens and the model "
                + $"{config.VocabSize}; expected a tokenizer that belongs to the model");
        return files.Length > 0 ? DocumentSource.FromFiles(files, tokenizer)
            : DocumentSource.FromTexts(new AtlasCorpus(AtlasFacts.Shipped, atlas!.Value).Documents, tokenizer,
                "atlas");
    }
}
