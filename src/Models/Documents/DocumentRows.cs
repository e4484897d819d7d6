using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>How documents are cut into rows.</summary>
/// <param name="T">Tokens of the longest row; a longer document is several rows, one after the other.</param>
/// <param name="Bos">A token put in front of every document, counted in its first row; null for
/// none.</param>
public sealed record RowOptions(int T, int? Bos = null)
{
    /// <summary>Throws if the model has no such rows.</summary>
    /// <exception cref="UserException">The option, its value and its range.</exception>
    public void Validate(ModelConfig model)
    {
        if (T < 1 || T > model.ContextLength)
            throw new UserException(
                $"rows of {T} tokens; expected 1 to {model.ContextLength}, the model's context");
        if (Bos is { } bos && (uint)bos >= (uint)model.VocabSize)
            throw new UserException(
                $"token id {bos} before documents; the model's vocabulary is 0 to {model.VocabSize - 1}");
    }
}

/// <summary>
/// Rows for training without end: every document once an epoch, in an order that depends on the seed and the
/// epoch's number only. A batch may hold the last rows of one epoch and the first of the next. Setting
/// <see cref="Position"/> to a saved value continues exactly there.
/// </summary>
public sealed class DocumentRows
{
    // "document": apart from the random streams of other parts of a run.
    const ulong OrderStream = 0x646F63756D656E74;

    readonly DocumentSource _documents;
    readonly RowOptions _rows;
    readonly int _vocabSize;
    readonly ulong _seed;
    readonly int[] _order; // the documents of epoch _orderedEpoch
    int _orderedEpoch = -1;
    int[]? _tokens; // of the position's document, with BOS; null before it is read
    RowPosition _position;

    /// <summary>Rows from the beginning of epoch 0.</summary>
    /// <exception cref="UserException">An option is out of the model's range.</exception>
    public DocumentRows(DocumentSource documents, ModelConfig model, RowOptions rows, ulong seed)
    {
        rows.Validate(model);
        (_documents, _rows, _vocabSize, _seed) = (documents, rows, model.VocabSize, seed);
        _order = new int[documents.Count];
    }

    /// <summary>
    /// SHA-256 of the documents and of how they are cut, 64 hexadecimal digits: with the seed, what a
    /// <see cref="Position"/> belongs to.
    /// </summary>
    public string Hash => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(
        string.Create(CultureInfo.InvariantCulture, $"{_documents.Hash} T {_rows.T} BOS {_rows.Bos}"))));

    /// <summary>Where the next row is.</summary>
    /// <exception cref="UserException">The position is not one of this data.</exception>
    public RowPosition Position
    {
        get => _position;
        set
        {
            if (value.Epoch < 0 || value.Document < 0 || value.Document >= _documents.Count || value.Row < 0)
                throw NotHere(value, $"the data has {Counted.Of(_documents.Count, "document")}");
            int[] tokens = Load(value.Epoch, value.Document);
            if ((long)value.Row * _rows.T >= tokens.Length)
                throw NotHere(value, $"the document has "
                    + $"{Counted.Of((tokens.Length + _rows.T - 1L) / _rows.T, "row")}");
            (_position, _tokens) = (value, tokens);
        }
    }

    /// <summary>The next rows, of unequal length where documents are shorter.</summary>
    /// <param name="rows">How many, at least one.</param>
    /// <exception cref="UserException">A token is outside the model's vocabulary, or a file cannot be read or
    /// changed.</exception>
    public SequenceBatch Next(int rows)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rows);
        var batch = new int[rows][];
        for (int b = 0; b < rows; b++)
            batch[b] = NextRow();
        return new SequenceBatch(batch);
    }

    /// <summary>
    /// All rows once, in the order of the documents, for evaluation; the last batch may have fewer. Does not
    /// move <see cref="Position"/>.
    /// </summary>
    /// <param name="rows">Rows a batch, at least one.</param>
    /// <param name="limit">Rows in all; the first ones.</param>
    /// <exception cref="UserException">As for <see cref="Next"/>.</exception>
    public IEnumerable<SequenceBatch> InOrder(int rows, long limit = long.MaxValue)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rows);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limit);
        return RowsInOrder(limit).Chunk(rows).Select(chunk => new SequenceBatch(chunk));
    }

    int[] NextRow()
    {
        _tokens ??= Load(_position.Epoch, _position.Document);
        int start = _position.Row * _rows.T, length = Math.Min(_rows.T, _tokens.Length - start);
        int[] row = _tokens.AsSpan(start, length).ToArray();
        if (start + length < _tokens.Length)
        {
            _position = _position with { Row = _position.Row + 1 };
            return row;
        }
        _tokens = null;
        _position = _position.Document + 1 < _documents.Count
            ? new RowPosition(_position.Epoch, _position.Document + 1, 0)
            : new RowPosition(checked(_position.Epoch + 1), 0, 0);
        return row;
    }

    IEnumerable<int[]> RowsInOrder(long limit)
    {
        for (int document = 0; document < _documents.Count; document++)
        {
            int[] tokens = Tokens(document);
            for (int start = 0; start < tokens.Length;)
            {
                if (limit-- == 0)
                    yield break;
                int length = Math.Min(_rows.T, tokens.Length - start);
                yield return tokens.AsSpan(start, length).ToArray();
                start += length;
            }
        }
    }

    int[] Load(int epoch, int place)
    {
        if (epoch != _orderedEpoch)
        {
            for (int i = 0; i < _order.Length; i++)
                _order[i] = i;
            new SeededRandom(_seed, OrderStream + (ulong)epoch).Shuffle<int>(_order);
            _orderedEpoch = epoch;
        }
        return Tokens(_order[place]);
    }

    int[] Tokens(int document)
    {
        ReadOnlyMemory<int> ids = _documents.Read(document, _vocabSize);
        return BeginOfText.Before(ids.Span, _rows.Bos);
    }

    static UserException NotHere(RowPosition position, string but) =>
        new($"The saved position is row {position.Row} of document {position.Document} in epoch "
            + $"{position.Epoch}; {but}. Resume with the data that the run began with.");
}
