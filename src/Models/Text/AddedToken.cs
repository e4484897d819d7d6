namespace HeadTap.Models;

/// <summary>
/// A token that a text is searched for before it is cut into words (Hugging Face's AddedToken).
/// </summary>
/// <param name="Text">The token, spelled as in a text.</param>
/// <param name="Special">Whether the token stands for no bytes of text: a text that spells it is that token
/// only if special tokens are parsed. Other added tokens are always found.</param>
public sealed record AddedToken(string Text, bool Special = true)
{
    /// <summary>Whether spaces before the token belong to it.</summary>
    public bool LeftStrip { get; init; }

    /// <summary>Whether spaces after the token belong to it.</summary>
    public bool RightStrip { get; init; }

    /// <summary>Whether the token is found only if no letter, digit or underscore is beside it.</summary>
    public bool SingleWord { get; init; }

    /// <summary>
    /// Whether the token is looked for after those that are not normalized, between them: GPT-2's tokenizer
    /// has no normalizer, so this is all that the flag changes.
    /// </summary>
    public bool Normalized { get; init; }
}
