using System.CommandLine;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Cli;

/// <summary>What verbs run a model on: <c>--model</c> and one of <c>--text</c>, <c>--text-file</c>,
/// <c>--ids</c>, <c>--batch</c>.</summary>
/// <param name="lines">Whether <c>--prompts</c> is a fifth way.</param>
sealed class PromptOptions(bool lines = false)
{
    readonly Option<string> _model = ModelOption(required: true);
    readonly Option<string?> _text = new("--text") { Description = "the prompt", HelpName = "S" };
    readonly Option<string?> _file = new("--text-file")
    {
        Description = "a file with the prompt", HelpName = "F",
    };
    readonly Option<string?> _ids = new("--ids")
    {
        Description = "the prompt as token ids", HelpName = "1,2,3",
    };
    readonly Option<string?> _batch = new("--batch")
    {
        Description = "a JSON file with several prompts: a list of lists of token ids",
        HelpName = "FILE.json",
    };
    readonly Option<string?> _lines = new("--prompts")
    {
        Description = "a text file with several prompts, one a line", HelpName = "FILE",
    };
    readonly Option<bool> _bos = new("--bos")
    {
        Description = "put the config's begin-of-text token before each prompt; nothing else does",
    };

    /// <summary>Adds them to a verb.</summary>
    public void AddTo(Command command)
    {
        foreach (Option option in (Option[])[_model, _text, _file, _ids, _batch, _bos])
            command.Options.Add(option);
        if (lines)
            command.Options.Add(_lines);
    }

    /// <summary>
    /// Reads config and prompts, and checks them against each other; the weights are not touched.
    /// </summary>
    /// <exception cref="UserException">Something does not fit.</exception>
    public Prompt Read(ParseResult parsed)
    {
        string model = parsed.GetValue(_model)!;
        string?[] given = [parsed.GetValue(_text), parsed.GetValue(_file), parsed.GetValue(_ids),
            parsed.GetValue(_batch), lines ? parsed.GetValue(_lines) : null];
        int count = given.Count(g => g is not null);
        if (count != 1)
            throw new UserException($"{(count == 0 ? "no prompt" : "more than one prompt")}; expected one of "
                + $"--text, --text-file, --ids{(lines ? ", --batch and --prompts" : " and --batch")}");
        IReadOnlyList<int[]>? rows = given[2] is { } ids ? [TokenRowsFile.ParseIds(ids, "--ids")]
            : given[3] is { } batch ? TokenRowsFile.Read(batch) : null;
        string[]? texts = rows is not null ? null : given[4] is { } file ? Lines(file)
            : [OneText(given[0], given[1])];
        ModelConfig config = ModelFolder.ReadConfig(model);
        ByteBpeTokenizer? tokenizer = texts is not null || ByteBpeTokenizer.ExistsIn(model)
            ? ByteBpeTokenizer.Load(model) : null;
        rows ??= [.. texts!.Select(text => tokenizer!.Encode(text))];
        int? bos = Bos(parsed.GetValue(_bos), config, model);
        if (bos is { } token)
            rows = [.. rows.Select(r => (int[])[token, .. r])];
        var sequences = new SequenceBatch([.. rows]);
        sequences.Validate(config);
        return new Prompt(model, config, tokenizer, sequences, bos);
    }

    /// <summary>The token that <c>--bos</c> puts in front; null where it is not given.</summary>
    /// <exception cref="UserException">It is given, and the config names no token.</exception>
    internal static int? Bos(bool given, ModelConfig config, string folder) => !given ? null
        : config.BosToken ?? throw new UserException(
            $"{folder}: config.json has no bos_token_id that is in the vocabulary; leave --bos out");

    internal static Option<string> ModelOption(bool required) => new("--model")
    {
        Description = "a model folder as Hugging Face keeps it", HelpName = "DIR", Required = required,
    };

    /// <summary>The text of <c>--text</c> or <c>--text-file</c>.</summary>
    internal static string OneText(string? text, string? file) => (text, file) switch
    {
        (not null, null) => text,
        (null, not null) => TextDocuments.ReadText(file),
        _ => throw new UserException(
            $"{(text is null ? "no text" : "two texts")}; expected --text or --text-file"),
    };

    static string[] Lines(string file)
    {
        string[] texts = [.. TextDocuments.ReadLines(file).Where(line => line.Length > 0)];
        return texts.Length > 0 ? texts
            : throw new UserException($"{Quoted.Path(file)}: there is no prompt in it; expected one a line");
    }

    /// <summary>A piece of text as one visible word: line ends and tabs are spelled.</summary>
    internal static string Visible(string piece) => piece.Replace("\n", "\\n", StringComparison.Ordinal)
        .Replace("\r", "\\r", StringComparison.Ordinal).Replace("\t", "\\t", StringComparison.Ordinal)
        .Replace(' ', '·');
}

/// <summary>A model folder and what to run it on.</summary>
/// <param name="Folder">The folder.</param>
/// <param name="Config">Its sizes.</param>
/// <param name="Tokenizer">Null where the folder has none.</param>
/// <param name="Rows">The prompts, checked against the config.</param>
/// <param name="Bos">What <c>--bos</c> put in front; null for nothing.</param>
sealed record Prompt(string Folder, ModelConfig Config, ByteBpeTokenizer? Tokenizer, SequenceBatch Rows, int? Bos)
{
    /// <summary>Token ids as text where there is a tokenizer, else as numbers.</summary>
    public string Text(ReadOnlySpan<int> ids)
        => Tokenizer is not null ? Tokenizer.Decode(ids) : string.Join(',', ids.ToArray());
}
