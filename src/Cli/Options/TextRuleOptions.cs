using System.CommandLine;

namespace HeadTap.Cli;

/// <summary>
/// The options of every verb that takes text: <c>--bos</c>, <c>--bos-token</c>, <c>--special</c>, and of its
/// files <c>--lines</c> and <c>--fields</c>.
/// </summary>
/// <param name="before">What the begin-of-text token is put before.</param>
/// <param name="files">Whether texts come from files of text.</param>
/// <param name="lines">Whether a plain text may be a text a line.</param>
/// <param name="bos">What <c>--bos</c> does, where it is more than that.</param>
sealed class TextRuleOptions(
    string before = "prompt", bool files = true, bool lines = true, string? bos = null)
{
    readonly Option<bool> _bos = new("--bos")
    {
        Description = bos ?? $"put the begin-of-text token before each {before}; nothing else does",
    };
    readonly Option<string?> _bosToken = new("--bos-token")
    {
        Description = "that token, as an id or as the tokenizer spells it; the tokenizer's own unless named; "
            + "puts it there",
        HelpName = "ID|TOKEN",
    };
    readonly Option<bool> _special = new("--special")
    {
        Description = "a text that spells a special token, like <|endoftext|>, is that token",
    };
    readonly Option<bool> _lines = new("--lines")
    {
        Description = "each line of a plain text file is one text",
    };
    readonly Option<string?> _fields = new("--fields")
    {
        Description = "the field of .jsonl, .json and .csv that is the text, or those of prompt and "
            + "continuation; text, question and answer, input and output and the like unless named",
        HelpName = "NAME[,NAME]",
    };

    /// <summary>Adds the options to a verb.</summary>
    internal void AddTo(Command command)
    {
        foreach (Option option in (Option[])[_bos, _bosToken, _special])
            command.Options.Add(option);
        if (files && lines)
            command.Options.Add(_lines);
        if (files)
            command.Options.Add(_fields);
    }

    /// <summary>Returns the rules of a parsed command line.</summary>
    internal TextRules Read(ParseResult parsed) => new()
    {
        Bos = parsed.GetValue(_bos),
        BosToken = parsed.GetValue(_bosToken),
        Special = parsed.GetValue(_special),
        Lines = parsed.GetValue(_lines),
        Fields = parsed.GetValue(_fields),
    };

    /// <summary>The options, for verbs that refuse them together with others.</summary>
    internal IEnumerable<Option> All => [_bos, _bosToken, _special, _lines, _fields];
}
