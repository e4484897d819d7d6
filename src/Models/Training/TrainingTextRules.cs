using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>How the texts of a run are read and become tokens; as of every verb that takes texts.</summary>
public sealed record TrainingTextRules
{
    /// <summary>
    /// Names of the fields that are the text, or prompt and continuation with a comma between them; null for
    /// the names of published data sets.
    /// </summary>
    public string? Fields { get; init; }

    /// <summary>Whether each line of a plain text file is one document.</summary>
    public bool Lines { get; init; }

    /// <summary>Whether a text that spells a special token is that token.</summary>
    public bool Special { get; init; }

    /// <summary>
    /// Whether the begin-of-text token stands before each document. It stands between documents of
    /// <see cref="TokenRows.Packed"/> and <see cref="TokenRows.Shuffled"/> in any case.
    /// </summary>
    public bool Bos { get; init; } = true;

    /// <summary>
    /// The token before and after each document, as an id or as the tokenizer spells it; null for
    /// <c>&lt;|endoftext|&gt;</c>.
    /// </summary>
    public string? BosToken { get; init; }

    internal string? Problem(TokenRows rows)
    {
        if (Fields?.Split(',', StringSplitOptions.TrimEntries) is { } names
            && (names.Length > 2 || names.Contains("")))
            return $"texts: fields is {Quoted.Name(Fields)}; expected the name of the text, or those of "
                + "prompt and continuation with a comma between";
        return Bos || rows == TokenRows.PerDocument ? null
            : "texts: bos is false; expected true, or rows \"per-document\", for the other rows have the "
                + "token between documents";
    }
}
