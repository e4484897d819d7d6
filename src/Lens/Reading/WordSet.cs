using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>
/// A set of words in which tokens are looked up. A token matches if its text, trimmed and in lower case, is
/// one of the words (Attention Lens, section 1.6).
/// </summary>
public sealed class WordSet
{
    readonly HashSet<string> _words;

    WordSet(HashSet<string> words) => _words = words;

    /// <summary>The words in ordinal order.</summary>
    public IReadOnlyList<string> Words => [.. _words.Order(StringComparer.Ordinal)];

    /// <summary>Reads words from a file, one per line; text after <c>#</c> is a comment.</summary>
    /// <exception cref="UserException">The file cannot be read or has no word.</exception>
    public static WordSet Read(string path)
    {
        HashSet<string> words = [.. TextDocuments.ReadLines(path)
            .Select(line => Plain(line.Split('#')[0])).Where(word => word.Length > 0)];
        return words.Count > 0 ? new(words) : throw new UserException(
            $"{Quoted.Path(path)}: there is no word in it; expected one a line");
    }

    /// <summary>Returns whether each token matches one of the words, [V].</summary>
    /// <param name="tokenizer">Tokenizer of the model.</param>
    /// <param name="V">Size of the model's vocabulary; ids that the tokenizer does not know never
    /// match.</param>
    public bool[] Tokens(ByteBpeTokenizer tokenizer, int V)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        return [.. Enumerable.Range(0, V)
            .Select(v => tokenizer.HasToken(v) && _words.Contains(Plain(tokenizer.Decode([v]))))];
    }

    /// <summary>Returns how many of the words are a single token.</summary>
    public int Spelled(ByteBpeTokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        return Enumerable.Range(0, tokenizer.VocabSize).Where(tokenizer.HasToken)
            .Select(v => Plain(tokenizer.Decode([v])))
            .Where(_words.Contains).Distinct().Count();
    }

    static string Plain(string text) => text.Trim().ToLowerInvariant();
}
