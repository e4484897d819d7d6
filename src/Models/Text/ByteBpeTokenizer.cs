using System.Buffers;
using System.Text;
using HeadTap.Runtime;
using Microsoft.ML.Tokenizers;

namespace HeadTap.Models;

/// <summary>
/// GPT-2's byte-level BPE tokenizer (Radford et al., 2019): text to token ids and back. Merging is done by
/// Microsoft.ML.Tokenizers; cutting into words, special tokens and decoding are done here. Safe to share
/// between threads.
/// </summary>
public sealed class ByteBpeTokenizer
{
    readonly BpeTokenizer _bpe;
    readonly byte[][] _bytes; // [V]
    readonly SpecialTokens _special;
    readonly Lazy<LongWordMerge> _longWords;
    readonly bool[]? _missingBytes; // [256], null when every byte has a token

    /// <summary>A tokenizer for a vocabulary.</summary>
    public ByteBpeTokenizer(BpeVocabulary vocabulary)
    {
        Vocabulary = vocabulary;
        var ids = new Dictionary<string, int>(vocabulary.Tokens.Count, StringComparer.Ordinal);
        for (int id = 0; id < vocabulary.Tokens.Count; id++)
            ids.Add(vocabulary.Tokens[id], id);
        _bpe = BpeTokenizer.Create(new BpeOptions(ids)
        {
            Merges = vocabulary.Merges.Select(merge => $"{merge.Left} {merge.Right}"),
            ByteLevel = true,
            PreTokenizer = Gpt2PreTokenizer.Instance,
        });
        _longWords = new Lazy<LongWordMerge>(() => new LongWordMerge(vocabulary));
        _special = new SpecialTokens(vocabulary.SpecialTokens.Select(token => (token, ids[token])));
        SpecialTokenIds = [.. vocabulary.SpecialTokens.Select(token => ids[token])];
        EndOfText = SpecialTokenIds.Contains(ids.GetValueOrDefault(BpeVocabulary.EndOfText, -1))
            ? ids[BpeVocabulary.EndOfText] : null;

        _bytes = [.. vocabulary.Tokens.Select(token => ByteAlphabet.Bytes(token)!)];
        foreach (int id in SpecialTokenIds)
            _bytes[id] = Encoding.UTF8.GetBytes(vocabulary.Tokens[id]);
        var missing = new bool[256];
        for (int b = 0; b < 256; b++)
            missing[b] = !ids.ContainsKey(ByteAlphabet.Spell((byte)b).ToString());
        _missingBytes = missing.Contains(true) ? missing : null;
    }

    /// <summary>
    /// Reads vocab.json + merges.txt (with added_tokens.json and tokenizer_config.json where they are), else
    /// tokenizer.json, else encoder.json + vocab.bpe.
    /// </summary>
    /// <exception cref="UserException">A file is missing or wrong; the line names it.</exception>
    public static ByteBpeTokenizer Load(string folder) => new(TokenizerFiles.Read(folder));

    /// <summary>Whether a folder has one of the three sets of files.</summary>
    public static bool ExistsIn(string folder) => TokenizerFiles.ExistIn(folder);

    /// <summary>
    /// The tokens and merges; <see cref="BpeVocabulary.Save"/> writes them into a model's folder.
    /// </summary>
    public BpeVocabulary Vocabulary { get; }

    /// <summary>V, the number of token ids: valid ids are 0 … V - 1.</summary>
    public int VocabSize => _bytes.Length;

    /// <summary>
    /// The id of <c>&lt;|endoftext|&gt;</c>, or null when the vocabulary has no such token.
    /// </summary>
    public int? EndOfText { get; }

    /// <summary>The ids of tokens that stand for no bytes of text.</summary>
    public IReadOnlyList<int> SpecialTokenIds { get; }

    /// <summary>
    /// Text to ids, [T]. An unpaired surrogate is encoded as U+FFFD, as in UTF-8 everywhere; any other string
    /// comes back from <see cref="Decode"/> as it was.
    /// </summary>
    /// <param name="text">Any string; the empty one has no tokens.</param>
    /// <param name="parseSpecial">Whether the text <c>&lt;|endoftext|&gt;</c> is that token. Off, because a
    /// user's text must not end the document.</param>
    /// <exception cref="UserException">The vocabulary has no token for a byte of the text.</exception>
    public int[] Encode(string text, bool parseSpecial = false)
    {
        var ids = new List<int>();
        int start = 0;
        while (parseSpecial && _special.Next(text, start) is { Index: >= 0 } special)
        {
            EncodeOrdinary(text[start..special.Index], ids);
            ids.Add(special.Id);
            start = special.Index + special.Length;
        }
        EncodeOrdinary(start == 0 ? text : text[start..], ids);
        return [.. ids];
    }

    /// <summary>Ids to text; bytes that are not UTF-8 (half of a character) become U+FFFD. An id that has no
    /// token, as the last rows of a padded vocabulary, is <c>&lt;id 50270&gt;</c>.</summary>
    /// <exception cref="UserException">An id is negative.</exception>
    public string Decode(ReadOnlySpan<int> ids) => Encoding.UTF8.GetString(DecodeBytes(ids));

    /// <summary>Ids to the exact bytes they stand for; an id without a token as in
    /// <see cref="Decode"/>.</summary>
    /// <exception cref="UserException">An id is negative.</exception>
    public byte[] DecodeBytes(ReadOnlySpan<int> ids)
    {
        int length = 0;
        foreach (int id in ids)
            length = checked(length + Bytes(id).Length);
        var bytes = new byte[length];
        int end = 0;
        foreach (int id in ids)
        {
            byte[] token = Bytes(id);
            token.CopyTo(bytes, end);
            end += token.Length;
        }
        return bytes;
    }

    /// <summary>One token as text; a byte that is no whole UTF-8 character is shown as <c>\xNN</c>,
    /// an id without a token as in <see cref="Decode"/>.</summary>
    /// <exception cref="UserException">The id is negative.</exception>
    public string TokenText(int id)
    {
        var text = new StringBuilder();
        ReadOnlySpan<byte> rest = Bytes(id);
        while (!rest.IsEmpty)
        {
            if (Rune.DecodeFromUtf8(rest, out Rune rune, out int length) == OperationStatus.Done)
                text.Append(rune.ToString());
            else
                foreach (byte b in rest[..length])
                    text.Append($"\\x{b:X2}");
            rest = rest[length..];
        }
        return text.ToString();
    }

    void EncodeOrdinary(string text, List<int> ids)
    {
        string valid = WithoutLoneSurrogates(text);
        if (_missingBytes is not null)
            CheckBytes(valid, _missingBytes);
        if (LongestWord(valid) <= LongWordMerge.LongestOrdinary)
            ids.AddRange(_bpe.EncodeToIds(valid));
        else
            EncodeWordByWord(valid, ids, LongWordMerge.LongestOrdinary);
    }

    /// <summary>
    /// Encodes words longer than <paramref name="longest"/> characters without Microsoft's tokenizer.
    /// </summary>
    internal void EncodeWordByWord(ReadOnlySpan<char> text, List<int> ids, int longest)
    {
        while (!text.IsEmpty)
        {
            ReadOnlySpan<char> word = text[..Gpt2PreTokenizer.WordEnd(text, 0)];
            if (word.Length > longest)
                _longWords.Value.Encode(word, ids);
            else
                ids.AddRange(_bpe.EncodeToIds(word, considerPreTokenization: false));
            text = text[word.Length..];
        }
    }

    static int LongestWord(ReadOnlySpan<char> text)
    {
        int longest = 0;
        for (int start = 0, end; start < text.Length; start = end)
        {
            end = Gpt2PreTokenizer.WordEnd(text, start);
            longest = Math.Max(longest, end - start);
        }
        return longest;
    }

    // Microsoft's tokenizer leaves out a byte that has no token: the text would come back shorter.
    static void CheckBytes(string text, bool[] missing)
    {
        foreach (byte b in Encoding.UTF8.GetBytes(text))
            if (missing[b])
                throw new UserException($"The tokenizer's vocabulary has no token for byte 0x{b:X2} of "
                    + $"{Quoted.Name(text)}; use a text without it or a vocabulary with all 256 bytes.");
    }

    /// <summary>The text as UTF-8 would keep it.</summary>
    internal static string WithoutLoneSurrogates(string text)
    {
        for (int i = 0; i < text.Length; i++)
        {
            if (!char.IsSurrogate(text[i]))
                continue;
            if (!Rune.TryGetRuneAt(text, i, out _))
                return Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));
            i++;
        }
        return text;
    }

    byte[] Bytes(int id)
    {
        if (id < 0)
            throw new UserException(
                $"Token id {id} is not in the vocabulary; expected 0 to {_bytes.Length - 1}.");
        return id < _bytes.Length ? _bytes[id] : Encoding.UTF8.GetBytes($"<id {id}>");
    }
}
