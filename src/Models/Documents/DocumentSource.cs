using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// Documents as token ids, read when they are asked for: memory does not grow with the text. Every document
/// has at least one token; those without any are left out. Not for several threads at once.
/// </summary>
public abstract class DocumentSource
{
    readonly Lazy<string> _hash;

    private protected DocumentSource() => _hash = new Lazy<string>(ComputeHash);

    /// <summary>Where the documents are from, as messages name it: files as a rule.</summary>
    public abstract string Origin { get; }

    /// <summary>How many documents there are, at least one.</summary>
    public abstract int Count { get; }

    /// <summary>
    /// SHA-256 of what the ids come from (the files and the tokenizer, or the ids), 64 hexadecimal digits.
    /// </summary>
    public string Hash => _hash.Value;

    /// <summary>
    /// The documents of text files, one file after the other: those of <see cref="TextDocuments.Read"/>.
    /// Plain texts and <c>.jsonl</c> files may have any length: every file is read once, all of it is
    /// checked, and 12 bytes a document are kept. Other files, and files with named fields, are read whole.
    /// </summary>
    /// <param name="paths">At least one file.</param>
    /// <param name="tokenizer">Encodes a document whenever it is read.</param>
    /// <param name="fields">Names of the fields that are the text; null for the usual ones.</param>
    /// <param name="lines">Whether each line of a plain text is a document.</param>
    /// <param name="remark">Called with one line about fields that were passed over; null for
    /// nobody.</param>
    /// <exception cref="UserException">A file is missing, is not UTF-8, has a wrong line, or has no text;
    /// the line names the file and its line.</exception>
    public static DocumentSource FromFiles(IEnumerable<string> paths, ByteBpeTokenizer tokenizer,
        TextFields? fields = null, bool lines = false, Action<string>? remark = null)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        string[] files = [.. paths];
        bool whole = lines || (fields ?? TextFields.Usual) != TextFields.Usual || files.Any(path =>
            TextRecords.IsTable(path) && !TextRecords.IsJsonLines(path));
        return whole
            ? new ListedDocuments(files.SelectMany(path => TextDocuments.Read(path, fields, lines, remark))
                .Select(text => tokenizer.Encode(text)), string.Join(", ", files), "document")
            : new FileDocuments(
                [.. files.Select(path => new TextFileIndex(path, remark: remark))], tokenizer);
    }

    /// <summary>Texts in memory, encoded at once.</summary>
    /// <param name="documents">Texts; empty ones are left out.</param>
    /// <param name="tokenizer">What encodes them.</param>
    /// <param name="source">Where they are from; begins messages about them.</param>
    /// <exception cref="UserException">There is no text, or the tokenizer lacks a byte of it.</exception>
    public static DocumentSource FromTexts(
        IEnumerable<string> documents, ByteBpeTokenizer tokenizer, string source = "the text") =>
        new ListedDocuments(documents.Select(text => tokenizer.Encode(text)), source, "document");

    /// <summary>
    /// Documents that are token ids already, as <see cref="TokenRowsFile.Read"/> gives them.
    /// </summary>
    /// <param name="rows">A document each; empty ones are left out, and still count in messages.</param>
    /// <param name="source">Where they are from, a file's name as a rule; begins messages about them.</param>
    /// <exception cref="UserException">There is no id.</exception>
    public static DocumentSource FromIds(IEnumerable<int[]> rows, string source) =>
        new ListedDocuments(rows, source, "row");

    /// <summary>The token ids of a document, [1 or more].</summary>
    /// <param name="document">0 … <see cref="Count"/> - 1.</param>
    /// <exception cref="UserException">Its file cannot be read or changed, or the tokenizer lacks a byte of
    /// the text.</exception>
    public abstract ReadOnlyMemory<int> Read(int document);

    /// <summary>The token ids of a document, for a model with V tokens.</summary>
    /// <exception cref="UserException">One is outside the vocabulary, or as above.</exception>
    public ReadOnlyMemory<int> Read(int document, int V)
    {
        ReadOnlyMemory<int> ids = Read(document);
        foreach (int id in ids.Span)
            if ((uint)id >= (uint)V)
                throw new UserException(
                    $"{Name(document)} has token id {id}; the model's vocabulary is 0 to {V - 1}");
        return ids;
    }

    /// <summary>
    /// Two sources that share no document and together have all: whole documents, chosen by the seed alone,
    /// each part in the order of this one. Chosen as <c>headtap train</c> chooses.
    /// </summary>
    /// <param name="validationShare">Of the documents, between 0 and 1; at least one is on each side.</param>
    /// <param name="seed">Any.</param>
    /// <exception cref="UserException">The share is not between 0 and 1, or there is one document
    /// only.</exception>
    public (DocumentSource Train, DocumentSource Validation) Split(double validationShare, ulong seed)
    {
        (int[] train, int[] validation) = DocumentSplit.Choose(Count, validationShare, seed);
        return (new ChosenDocuments(this, train), new ChosenDocuments(this, validation));
    }

    /// <summary>How often each token occurs among the first <paramref name="tokens"/>, [V].</summary>
    /// <param name="V">The model's vocabulary.</param>
    /// <param name="tokens">How many are counted, in the documents' order; all if there are fewer.</param>
    /// <exception cref="UserException">An id is outside the vocabulary, or as for
    /// <see cref="Read(int)"/>.</exception>
    public long[] TokenCounts(int V, long tokens)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(tokens);
        var counts = new long[V];
        for (int document = 0; document < Count && tokens > 0; document++)
        {
            ReadOnlySpan<int> ids = Read(document, V).Span;
            ids = ids[..(int)Math.Min(tokens, ids.Length)];
            foreach (int id in ids)
                counts[id]++;
            tokens -= ids.Length;
        }
        return counts;
    }

    /// <summary>A document as messages name it.</summary>
    internal abstract string Name(int document);

    /// <summary>Adds to the hash all that decides the ids.</summary>
    private protected abstract void AppendContent(IncrementalHash hash);

    private protected static void Append(IncrementalHash hash, string line) =>
        hash.AppendData(Encoding.UTF8.GetBytes(line + "\n"));

    // The length goes first: where one list ends and the next begins is part of what is hashed. In the
    // machine's byte order, which is little-endian wherever .NET and ILGPU run.
    private protected static void Append(IncrementalHash hash, ReadOnlySpan<int> values)
    {
        Append(hash, values.Length.ToString(CultureInfo.InvariantCulture));
        hash.AppendData(MemoryMarshal.AsBytes(values));
    }

    string ComputeHash()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        AppendContent(hash);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
