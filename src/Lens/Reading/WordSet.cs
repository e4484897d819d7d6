using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>
/// Words that tokens are looked up in: a token is one of them when its text is, without the spaces around it
/// and in lower case (Attention Lens, section 1.6).
/// </summary>
public sealed class WordSet
{
    readonly HashSet<string> _words;

    WordSet(HashSet<string> words) => _words = words;

    /// <summary>The words, sorted.</summary>
    public IReadOnlyList<string> Words => [.. _words.Order(StringComparer.Ordinal)];

    /// <summary>Reads words, one a line; what follows a <c>#</c> is a comment.</summary>
    /// <exception cref="UserException">The file cannot be read or has no word.</exception>
    public static WordSet Read(string path)
    {
        HashSet<string> words = [.. TextDocuments.ReadLines(path)
            .Select(line => Plain(line.Split('#')[0])).Where(word => word.Length > 0)];
        return words.Count > 0 ? new(words) : throw new UserException(
            $"{Quoted.Path(path)}: there is no word in it; expected one a line");
    }

    /// <summary>[V]: which tokens are among the words.</summary>
    /// <param name="tokenizer">Names the tokens.</param>
    /// <param name="V">Tokens of the model; those unknown to the tokenizer are not among them.</param>
    public bool[] Tokens(ByteBpeTokenizer tokenizer, int V)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        return [.. Enumerable.Range(0, V)
            .Select(v => v < tokenizer.VocabSize && _words.Contains(Plain(tokenizer.Decode([v]))))];
    }

    /// <summary>How many of the words are a single token.</summary>
    public int Spelled(ByteBpeTokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        return Enumerable.Range(0, tokenizer.VocabSize).Select(v => Plain(tokenizer.Decode([v])))
            .Where(_words.Contains).Distinct().Count();
    }

    static string Plain(string text) => text.Trim().ToLowerInvariant();
}
