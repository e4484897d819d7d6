using HeadTap.Models;
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

    /// <summary>Refuses rules of text files that no file of a call obeys.</summary>
    /// <param name="files">The files; empty where texts come from elsewhere.</param>
    /// <param name="option">Name of the option that names them.</param>
    /// <exception cref="UserException">A rule is set that nothing obeys.</exception>
    internal void RequireObeyed(IReadOnlyCollection<string> files, string option)
        => IdleTextRules.Refuse(files, Fields, Lines, option);

    /// <summary>As above, for a verb of one file; null for none.</summary>
    internal void RequireObeyed(string? file, string option)
        => RequireObeyed(file is null ? [] : [file], option);
}
