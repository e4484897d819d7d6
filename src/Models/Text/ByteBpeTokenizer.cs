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
    readonly byte[]?[] _bytes; // [V], null where an id has no token
    readonly Action<string>? _specialLeft;
    readonly AddedTokenCutter? _added; // null if there is no added token
    readonly Lazy<LongWordMerge> _longWords;
    readonly bool[]? _missingBytes; // [256], null when every byte has a token
    readonly Dictionary<string, int> _ids;

    /// <summary>A tokenizer for a vocabulary.</summary>
    public ByteBpeTokenizer(BpeVocabulary vocabulary)
    {
        Vocabulary = vocabulary;
        ArgumentNullException.ThrowIfNull(vocabulary);
        Dictionary<string, int> ids = vocabulary.Ids();
        // An added token that no merge makes is not the model's: no word may become it.
        var own = vocabulary.AddedTokens.Select(token => token.Text).ToHashSet(StringComparer.Ordinal);
        own.RemoveWhere(token => token.Length == 1 && ByteAlphabet.Bytes(token) is not null);
        own.ExceptWith(vocabulary.Merges.Select(merge => merge.Left + merge.Right));
        _bpe = BpeTokenizer.Create(new BpeOptions(ids.Where(token => !own.Contains(token.Key)))
        {
            Merges = vocabulary.Merges.Select(merge => $"{merge.Left} {merge.Right}"),
            ByteLevel = true,
            PreTokenizer = Gpt2PreTokenizer.Instance,
        });
        _longWords = new Lazy<LongWordMerge>(() => new LongWordMerge(vocabulary));
        _added = vocabulary.AddedTokens.Count == 0 ? null
            : new AddedTokenCutter(vocabulary.AddedTokens, ids, vocabulary.Tokens.Count);
        SpecialTokenIds = [.. vocabulary.SpecialTokens.Select(token => ids[token])];
        EndOfText = SpecialTokenIds.Contains(ids.GetValueOrDefault(BpeVocabulary.EndOfText, -1))
            ? ids[BpeVocabulary.EndOfText] : null;
        _ids = ids;

        _bytes = [.. vocabulary.Tokens.Select(token => token.Length == 0 ? null
            : own.Contains(token) ? Encoding.UTF8.GetBytes(token) : ByteAlphabet.Bytes(token))];
        var missing = new bool[256];
        for (int b = 0; b < 256; b++)
            missing[b] = !ids.ContainsKey(ByteAlphabet.Spell((byte)b).ToString());
        _missingBytes = missing.Contains(true) ? missing : null;
    }

    ByteBpeTokenizer(ByteBpeTokenizer other, bool parsesSpecial, Action<string>? specialLeft)
    {
        (Vocabulary, EndOfText, SpecialTokenIds) =
            (other.Vocabulary, other.EndOfText, other.SpecialTokenIds);
        (_bpe, _bytes, _added, _longWords, _missingBytes, _ids) =
            (other._bpe, other._bytes, other._added, other._longWords, other._missingBytes, other._ids);
        (ParsesSpecial, _specialLeft) = (parsesSpecial, specialLeft);
    }

    /// <summary>
    /// Reads tokenizer.json, else vocab.json + merges.txt, else encoder.json + vocab.bpe, and what
    /// added_tokens.json, tokenizer_config.json and special_tokens_map.json say beside them.
    /// </summary>
    /// <exception cref="UserException">A file is missing or wrong; the line names it.</exception>
    public static ByteBpeTokenizer Load(string folder) => new(TokenizerFiles.Read(folder));

    /// <summary>Whether a folder has one of the three sets of files.</summary>
    public static bool ExistsIn(string folder) => TokenizerFiles.ExistIn(folder);

    /// <summary>
    /// The tokens and merges; <see cref="BpeVocabulary.Save(string)"/> writes them into a model's folder.
    /// </summary>
    public BpeVocabulary Vocabulary { get; }

    /// <summary>V, one more than the largest token id; smaller ones may be without a token.</summary>
    public int VocabSize => _bytes.Length;

    /// <summary>
    /// The id of <c>&lt;|endoftext|&gt;</c>, or null when the vocabulary has no such token.
    /// </summary>
    public int? EndOfText { get; }

    /// <summary>The ids of tokens that stand for no bytes of text.</summary>
    public IReadOnlyList<int> SpecialTokenIds { get; }

    /// <summary>Whether a text that spells a special token is that token, unless a call says so.</summary>
    public bool ParsesSpecial { get; }

    /// <summary>Returns the same tokenizer with another rule for special tokens.</summary>
    /// <param name="parseSpecial">Whether a text that spells a special token is that token.</param>
    /// <param name="specialLeft">Called with each special token that a text spells and that stays text; may
    /// come from several threads. Null for nobody.</param>
    public ByteBpeTokenizer With(bool parseSpecial, Action<string>? specialLeft = null)
        => new(this, parseSpecial, specialLeft);

    /// <summary>Whether an id has a token.</summary>
    public bool HasToken(int id) => id >= 0 && id < _bytes.Length && _bytes[id] is not null;

    /// <summary>Whether an id is an added token: one that a text is searched for before it is cut into
    /// words.</summary>
    public bool IsAdded(int id) => HasToken(id)
        && Vocabulary.AddedTokens.Any(token => token.Text == Vocabulary.Tokens[id]);

    /// <summary>Returns the id of a token as the vocabulary spells it; null if it has none.</summary>
    public int? IdOf(string token) => _ids.TryGetValue(token, out int id) ? id : null;

    /// <summary>
    /// Text to ids, [T]. An unpaired surrogate is encoded as U+FFFD, as in UTF-8 everywhere; any other string
    /// comes back from <see cref="Decode"/> as it was, unless an added token takes the spaces beside it or
    /// the tokenizer puts a space before a text.
    /// </summary>
    /// <param name="text">Any string; the empty one has no tokens.</param>
    /// <param name="parseSpecial">Whether the text <c>&lt;|endoftext|&gt;</c> is that token; null for
    /// <see cref="ParsesSpecial"/>. Off by default, because a user's text must not end the document. Added
    /// tokens that are not special are always found.</param>
    /// <exception cref="UserException">The vocabulary has no token for a byte of the text.</exception>
    public int[] Encode(string text, bool? parseSpecial = null)
    {
        ArgumentNullException.ThrowIfNull(text);
        var ids = new List<int>();
        string valid = WithoutLoneSurrogates(text);
        if (_added is null)
            EncodeOrdinary(valid, ids);
        else
            foreach (AddedTokenCutter.Piece piece in
                _added.Cut(valid, parseSpecial ?? ParsesSpecial, _specialLeft))
                if (piece.Id >= 0)
                    ids.Add(piece.Id);
                else
                    EncodeOrdinary(valid[piece.Start..piece.End], ids);
        return [.. ids];
    }

    /// <summary>Ids to text; bytes that are not UTF-8 (half of a character) become U+FFFD. An id that has no
    /// token, as the last rows of a padded vocabulary or one that vocab.json skips, is
    /// <c>&lt;id 50270&gt;</c>.</summary>
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

    /// <summary>
    /// One token as text; a byte that is no whole UTF-8 character is shown as <c>\xNN</c>, and so is a
    /// backslash before an x. An id without a token is shown as in <see cref="Decode"/>.
    /// <see cref="PieceBytes"/> is the way back.
    /// </summary>
    /// <exception cref="UserException">The id is negative.</exception>
    public string TokenText(int id)
    {
        var text = new StringBuilder();
        ReadOnlySpan<byte> rest = Bytes(id);
        while (!rest.IsEmpty)
        {
            if (Rune.DecodeFromUtf8(rest, out Rune rune, out int length) == OperationStatus.Done)
                text.Append(rest.StartsWith("\\x"u8) ? "\\x5C" : rune.ToString());
            else
                foreach (byte b in rest[..length])
                    text.Append($"\\x{b:X2}");
            rest = rest[length..];
        }
        return text.ToString();
    }

    /// <summary>Returns the bytes of a piece that <see cref="TokenText"/> returned.</summary>
    public static byte[] PieceBytes(string piece)
    {
        ArgumentNullException.ThrowIfNull(piece);
        var bytes = new List<byte>();
        for (int at = 0; at < piece.Length;)
        {
            int escape = piece.IndexOf("\\x", at, StringComparison.Ordinal);
            int end = escape < 0 ? piece.Length : escape;
            bytes.AddRange(Encoding.UTF8.GetBytes(piece[at..end]));
            if (escape >= 0)
                bytes.Add(Convert.FromHexString(piece.AsSpan(escape + 2, 2))[0]);
            at = escape < 0 ? end : escape + 4;
        }
        return [.. bytes];
    }

    void EncodeOrdinary(string text, List<int> ids)
    {
        string valid = Vocabulary.AddPrefixSpace && text.Length > 0 && text[0] != ' ' ? " " + text : text;
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
        return (id < _bytes.Length ? _bytes[id] : null) ?? Encoding.UTF8.GetBytes($"<id {id}>");
    }
}
