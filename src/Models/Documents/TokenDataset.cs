using System.Buffers.Binary;
using System.Security.Cryptography;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// Documents as token ids in one array: an end-of-text token, then each document and an end-of-text token.
/// Immutable.
/// </summary>
public sealed class TokenDataset
{
    readonly int[] _tokens; // [N]
    readonly int[] _starts; // [documents + 1]: where each document begins; the last is N
    readonly Lazy<string> _hash;

    TokenDataset(int[] tokens, int[] starts, int endOfText)
    {
        (_tokens, _starts, EndOfText) = (tokens, starts, endOfText);
        _hash = new Lazy<string>(ComputeHash);
    }

    /// <summary>Encodes documents.</summary>
    /// <exception cref="UserException">The tokenizer has no end-of-text token, or none of the documents has a
    /// token.</exception>
    public static TokenDataset FromDocuments(IEnumerable<string> documents, ByteBpeTokenizer tokenizer) =>
        FromTokens(documents.Select(document => tokenizer.Encode(document)), tokenizer.EndOfText
            ?? throw new UserException("The tokenizer has no <|endoftext|> token to put between documents; "
                + "use one that has."));

    /// <summary>Packs documents that are token ids already.</summary>
    /// <exception cref="UserException">None of the documents has a token.</exception>
    public static TokenDataset FromTokens(IEnumerable<int[]> documents, int endOfText)
    {
        var tokens = new List<int> { endOfText };
        var starts = new List<int> { 1 };
        foreach (int[] document in documents)
        {
            tokens.AddRange(document);
            tokens.Add(endOfText);
            starts.Add(tokens.Count);
        }
        return tokens.Count > starts.Count
            ? new TokenDataset([.. tokens], [.. starts], endOfText)
            : throw new UserException("The data has no token; expected at least one document with text.");
    }

    /// <summary>The token around the documents.</summary>
    public int EndOfText { get; }

    /// <summary>[N], all documents with the end-of-text tokens around them.</summary>
    public ReadOnlySpan<int> Tokens => _tokens;

    /// <summary>How many documents there are.</summary>
    public int DocumentCount => _starts.Length - 1;

    /// <summary>
    /// SHA-256 of the ids and document borders, 64 hexadecimal digits: the data hash of manifests.
    /// </summary>
    public string Hash => _hash.Value;

    /// <summary>The tokens of a document, without end-of-text.</summary>
    public ReadOnlySpan<int> Document(int index) => _tokens.AsSpan(_starts[index].._starts[index + 1])[..^1];

    /// <summary>Refuses ids that a model of this vocabulary does not have: a tokenizer may have more tokens
    /// than a model, but no text may use them.</summary>
    /// <exception cref="UserException">There is one.</exception>
    internal void RequireIds(int V)
    {
        int at = _tokens.AsSpan().IndexOfAnyExceptInRange(0, V - 1);
        if (at >= 0)
            throw new UserException(
                $"the texts have token id {_tokens[at]}; the model's vocabulary is 0 to {V - 1}");
    }

    /// <summary>T + 1 tokens in a row from anywhere in the data, each place equally likely.</summary>
    /// <exception cref="UserException">The data is shorter.</exception>
    public int[] SampleWindow(int T, SeededRandom random)
    {
        RequireWindow(T);
        int start = random.Next(_tokens.Length - T);
        return _tokens[start..(start + T + 1)];
    }

    /// <summary>A run of inputs; its targets lie one token further.</summary>
    internal readonly record struct Row(int Start, int Length);

    internal void RequireWindow(int T)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(T);
        if (_tokens.Length - 1 < T)
            throw new UserException($"The data has {Counted.Of(_tokens.Length, "token")}; rows of {T} need "
                + $"more than {T}. Give more text or fewer tokens a row.");
    }

    /// <summary>Full windows side by side from <paramref name="offset"/> on.</summary>
    internal Row[] PackedRows(int T, int offset) =>
        [.. Enumerable.Range(0, (_tokens.Length - 1 - offset) / T).Select(w => new Row(offset + w * T, T))];

    internal Row[] DocumentRows(int T, bool bos)
    {
        var rows = new List<Row>();
        for (int d = 0; d < DocumentCount; d++)
            AddRows(rows, _starts[d] - (bos ? 1 : 0), _starts[d + 1] - 1, T);
        return [.. rows];
    }

    /// <summary>Windows over everything; the last one may be short.</summary>
    internal Row[] AllRows(int T)
    {
        var rows = new List<Row>();
        AddRows(rows, 0, _tokens.Length - 1, T);
        return [.. rows];
    }

    /// <summary>Full rows that begin with a document; see <see cref="TokenRows.Shuffled"/>.</summary>
    internal Row[] RowsFromDocuments(int T)
    {
        var rows = new List<Row>();
        int next = 0; // the first document whose end-of-text before it lies at or after the row's end
        for (int start = 0; start + T <= _tokens.Length - 1;)
        {
            rows.Add(new Row(start, T));
            int end = start + T;
            while (next < DocumentCount && _starts[next] - 1 < end)
                next++;
            int cut = _starts[next - 1] - 1; // where the last document of the row begins
            bool whole = _starts[next] - 1 == end;
            // A document longer than a row goes on in the next one.
            start = whole || cut <= start ? end : cut;
        }
        return [.. rows];
    }

    /// <summary>The same documents in another order.</summary>
    internal TokenDataset Shuffled(SeededRandom random)
    {
        int[] order = [.. Enumerable.Range(0, DocumentCount)];
        random.Shuffle<int>(order);
        int[] tokens = new int[_tokens.Length], starts = new int[_starts.Length];
        tokens[0] = EndOfText;
        starts[0] = 1;
        for (int d = 0; d < order.Length; d++)
        {
            ReadOnlySpan<int> document = _tokens.AsSpan(_starts[order[d]].._starts[order[d] + 1]);
            document.CopyTo(tokens.AsSpan(starts[d]));
            starts[d + 1] = starts[d] + document.Length;
        }
        return new TokenDataset(tokens, starts, EndOfText);
    }

    internal TokenBatch Batch(ReadOnlySpan<Row> rows, int T)
    {
        TokenBatch batch = EmptyBatch(rows.Length, T);
        for (int b = 0; b < rows.Length; b++)
            CopyRow(rows[b], batch, b);
        return batch;
    }

    internal TokenBatch EmptyBatch(int B, int T)
    {
        var batch = new TokenBatch(new int[B * T], new int[B * T], new int[B], B, T);
        Array.Fill(batch.Tokens, EndOfText);
        Array.Fill(batch.Targets, -1);
        return batch;
    }

    internal void CopyRow(Row row, TokenBatch batch, int b)
    {
        _tokens.AsSpan(row.Start, row.Length).CopyTo(batch.Tokens.AsSpan(b * batch.T));
        _tokens.AsSpan(row.Start + 1, row.Length).CopyTo(batch.Targets.AsSpan(b * batch.T));
        batch.Lengths[b] = row.Length;
    }

    static void AddRows(List<Row> rows, int start, int end, int T)
    {
        for (; start < end; start += Math.Min(T, end - start))
            rows.Add(new Row(start, Math.Min(T, end - start)));
    }

    string ComputeHash()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> four = stackalloc byte[4];
        foreach (int[] part in (int[][])[[_starts.Length], _starts, _tokens])
            foreach (int value in part)
            {
                BinaryPrimitives.WriteInt32LittleEndian(four, value);
                hash.AppendData(four);
            }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
