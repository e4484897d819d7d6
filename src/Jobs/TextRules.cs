using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>How the texts of a verb are read and become tokens; the same in every verb.</summary>
public sealed record TextRules
{
    /// <summary>Puts the begin-of-text token before each text; nothing else does.</summary>
    public bool Bos { get; init; }

    /// <summary>
    /// The begin-of-text token as an id or as the tokenizer spells it; null for the tokenizer's own. One that
    /// is given is put before each text.
    /// </summary>
    public string? BosToken { get; init; }

    /// <summary>Whether a text that spells a special token is that token.</summary>
    public bool Special { get; init; }

    /// <summary>Whether each line of a plain text file is one text.</summary>
    public bool Lines { get; init; }

    /// <summary>
    /// Names of the fields that are the text, or prompt and continuation with a comma between them; null for
    /// the names of published data sets.
    /// </summary>
    public string? Fields { get; init; }

    /// <summary>Refuses rules of text files where no text file is read.</summary>
    /// <param name="file">The file; null for none.</param>
    /// <param name="option">Name of the option that names it.</param>
    /// <exception cref="UserException">A rule is set that nothing obeys.</exception>
    internal void RequireFile(string? file, string option)
    {
        string[] idle = [.. new[] { Fields is null ? null : nameof(Fields), Lines ? nameof(Lines) : null }
            .OfType<string>().Select(Field.Of)];
        if (file is null && idle.Length > 0)
            throw new UserException(
                $"{string.Join(" and ", idle)} without {Field.Of(option)}; expected a file of "
                + $"texts, or leave {(idle.Length == 1 ? "it" : "them")} out");
    }
}
