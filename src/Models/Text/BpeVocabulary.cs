using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// A byte-level BPE vocabulary: what vocab.json and merges.txt hold. Immutable; every merge joins two tokens
/// of the vocabulary into a third.
/// </summary>
public sealed class BpeVocabulary
{
    /// <summary>The token that GPT-2 puts between documents.</summary>
    public const string EndOfText = "<|endoftext|>";

    internal BpeVocabulary(string[] tokens, (string, string)[] merges, AddedToken[] addedTokens)
    {
        Tokens = tokens;
        Merges = merges;
        AddedTokens = addedTokens;
        SpecialTokens = [.. addedTokens.Where(token => token.Special).Select(token => token.Text)];
    }

    /// <summary>
    /// A vocabulary from its parts.
    /// </summary>
    /// <param name="tokens">Token texts by id, spelled in GPT-2's byte alphabet; special tokens as they are;
    /// empty for an id without a token.</param>
    /// <param name="merges">Pairs of tokens to join, the first rank first.</param>
    /// <param name="specialTokens">Those of the tokens that stand for no bytes of text.</param>
    /// <exception cref="ArgumentException">Two tokens are equal, one is not spelled in the byte alphabet, or
    /// a merge names a token that is missing.</exception>
    public static BpeVocabulary Create(
        IEnumerable<string> tokens, IEnumerable<(string Left, string Right)> merges,
        IEnumerable<string> specialTokens)
    {
        var made = new BpeVocabulary(
            [.. tokens], [.. merges], [.. specialTokens.Select(token => new AddedToken(token))]);
        string? problem = made.TokenProblem() ?? made.MergeProblem();
        return problem is null ? made : throw new ArgumentException(problem);
    }

    /// <summary>
    /// Token texts by id, spelled in GPT-2's byte alphabet (a space is Ġ); special tokens as they are; empty
    /// for an id that vocab.json skips.
    /// </summary>
    public IReadOnlyList<string> Tokens { get; }

    /// <summary>Pairs of tokens that encoding joins, the first rank first.</summary>
    public IReadOnlyList<(string Left, string Right)> Merges { get; }

    /// <summary>Tokens that ordinary text never encodes to.</summary>
    public IReadOnlyList<string> SpecialTokens { get; }

    /// <summary>
    /// The special tokens, and the others that a text is searched for before it is cut into words.
    /// </summary>
    public IReadOnlyList<AddedToken> AddedTokens { get; }

    /// <summary>
    /// Whether a space is put before a text, and before what follows an added token, unless there is one.
    /// </summary>
    public bool AddPrefixSpace { get; internal init; }

    /// <summary>The token that begins a text by the tokenizer's files; null for none.</summary>
    internal string? BeginToken { get; init; }

    /// <summary>The token that begins a text, if a file of the tokenizer names it.</summary>
    public string? NamedBeginToken => BeginTokenFile is null ? null : BeginToken;

    /// <summary>The file that names <see cref="BeginToken"/>; null for GPT-2's default.</summary>
    internal string? BeginTokenFile { get; init; }

    /// <summary>Another token, or none, that a file names which does not decide.</summary>
    internal (string? Token, string File)? OverruledBeginToken { get; init; }

    /// <summary>Whether the tokenizer's files say that every text begins with that token.</summary>
    internal bool BeginsTexts { get; init; }

    /// <summary>
    /// Writes vocab.json, merges.txt and tokenizer_config.json, which <see cref="ByteBpeTokenizer.Load"/> and
    /// Hugging Face's GPT2Tokenizer read.
    /// </summary>
    /// <exception cref="UserException">The folder cannot be written.</exception>
    public void Save(string folder) => Save(folder, null);

    /// <summary>The same, with a special token that begins texts in place of the files' own.</summary>
    internal void Save(string folder, string? begin)
    {
        begin = begin is not null && SpecialTokens.Contains(begin) ? begin
            : BeginToken ?? (SpecialTokens.Contains(EndOfText) ? EndOfText : null);
        AtomicFile.Write(Path.Combine(folder, "vocab.json"), stream => WriteJson(stream, WriteVocabulary));
        AtomicFile.WriteText(Path.Combine(folder, "merges.txt"), MergeLines());
        AtomicFile.Write(
            Path.Combine(folder, "tokenizer_config.json"), stream => WriteJson(stream,
                json => WriteConfig(json, begin)));
    }

    /// <summary>What is wrong with the tokens, or null.</summary>
    internal string? TokenProblem()
    {
        var added = AddedTokens.Select(token => token.Text).ToHashSet(StringComparer.Ordinal);
        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (int id = 0; id < Tokens.Count; id++)
        {
            if (Tokens[id].Length == 0)
                continue;
            if (!seen.Add(Tokens[id]))
                return $"token {Quoted.Name(Tokens[id])} is there twice";
            if (!added.Contains(Tokens[id]) && ByteAlphabet.Bytes(Tokens[id]) is null)
                return $"token {id} {Quoted.Name(Tokens[id])} is not spelled in GPT-2's byte alphabet";
        }
        string? missing = added.FirstOrDefault(token => !seen.Contains(token));
        return missing is null ? null : $"added token {Quoted.Name(missing)} is not in the vocabulary";
    }

    /// <summary>What is wrong with the merges, or null.</summary>
    internal string? MergeProblem()
    {
        // A word that was added although merges make it (add_tokens(["dog"])) is a token of both kinds.
        var tokens = Tokens.ToHashSet(StringComparer.Ordinal);
        tokens.RemoveWhere(token => ByteAlphabet.Bytes(token) is null);
        var seen = new HashSet<(string, string)>();
        for (int i = 0; i < Merges.Count; i++)
        {
            (string left, string right) = Merges[i];
            string joined = left + right;
            string? unknown = !tokens.Contains(left) ? left
                : !tokens.Contains(right) ? right
                : !tokens.Contains(joined) ? joined : null;
            if (unknown is not null)
                return $"merge {i + 1} ({Quoted.Name(left)} {Quoted.Name(right)}) needs token "
                    + $"{Quoted.Name(unknown)}, which is not an ordinary token of the vocabulary";
            if (!seen.Add(Merges[i]))
                return $"merge {i + 1} ({Quoted.Name(left)} {Quoted.Name(right)}) is there twice";
        }
        return null;
    }

    /// <summary>The id of each token.</summary>
    internal Dictionary<string, int> Ids()
    {
        var ids = new Dictionary<string, int>(Tokens.Count, StringComparer.Ordinal);
        for (int id = 0; id < Tokens.Count; id++)
            if (Tokens[id].Length > 0)
                ids.Add(Tokens[id], id);
        return ids;
    }

    void WriteVocabulary(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        for (int id = 0; id < Tokens.Count; id++)
            if (Tokens[id].Length > 0)
                json.WriteNumber(Tokens[id], id);
        json.WriteEndObject();
    }

    void WriteConfig(Utf8JsonWriter json, string? begin)
    {
        json.WriteStartObject();
        json.WriteString("tokenizer_class", "GPT2Tokenizer");
        json.WriteBoolean("add_prefix_space", AddPrefixSpace);
        if (begin is not null)
            json.WriteString("bos_token", begin);
        if (SpecialTokens.Contains(EndOfText))
        {
            json.WriteString("eos_token", EndOfText);
            json.WriteString("unk_token", EndOfText);
        }
        json.WriteStartObject("added_tokens_decoder");
        var added = AddedTokens.ToDictionary(token => token.Text, StringComparer.Ordinal);
        for (int id = 0; id < Tokens.Count; id++)
        {
            if (!added.TryGetValue(Tokens[id], out AddedToken? token))
                continue;
            json.WriteStartObject($"{id}");
            json.WriteString("content", token.Text);
            json.WriteBoolean("lstrip", token.LeftStrip);
            json.WriteBoolean("normalized", token.Normalized);
            json.WriteBoolean("rstrip", token.RightStrip);
            json.WriteBoolean("single_word", token.SingleWord);
            json.WriteBoolean("special", token.Special);
            json.WriteEndObject();
        }
        json.WriteEndObject();
        json.WriteEndObject();
    }

    string MergeLines()
    {
        var lines = new StringBuilder("#version: 0.2\n");
        foreach ((string left, string right) in Merges)
            lines.Append(left).Append(' ').Append(right).Append('\n');
        return lines.ToString();
    }

    static void WriteJson(Stream stream, Action<Utf8JsonWriter> write)
    {
        // The default encoder writes Ġ as \u0120, which triples the file.
        var options = new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
        using var json = new Utf8JsonWriter(stream, options);
        write(json);
    }
}
