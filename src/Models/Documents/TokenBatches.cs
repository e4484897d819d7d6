using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// Batches for training without end: every row once an epoch, in an order that depends on the seed and the
/// epoch's number only. A batch may hold the last rows of one epoch and the first of the next, so it always
/// has B rows. Setting <see cref="Position"/> to a saved value continues exactly there.
/// </summary>
public sealed class TokenBatches
{
    const ulong OrderStream = 0x65706F6368_000000; // "epoch": apart from the streams of other parts of a run

    readonly TokenDataset _data;
    readonly TokenBatchOptions _options;
    readonly ulong _seed;
    TokenDataset _ordered; // this epoch's: what _rows lie in
    TokenDataset.Row[] _rows;
    int _epoch;
    int _index;

    /// <summary>Batches from the beginning of epoch 0.</summary>
    /// <exception cref="UserException">An option is out of range, or the data has too few tokens for a
    /// row.</exception>
    public TokenBatches(TokenDataset data, TokenBatchOptions options, ulong seed)
    {
        options.Validate();
        if (options.Rows != TokenRows.PerDocument)
            data.RequireWindow(options.T);
        (_data, _options, _seed) = (data, options, seed);
        (_ordered, _rows) = Order(0);
    }

    /// <summary>Rows in this epoch; in <see cref="TokenRows.Shuffled"/> epochs differ by a few.</summary>
    public int RowsPerEpoch => _rows.Length;

    /// <summary>Where the next batch begins.</summary>
    /// <exception cref="UserException">The position is not one of this data.</exception>
    public EpochPosition Position
    {
        get => new(_epoch, _index);
        set
        {
            (TokenDataset Data, TokenDataset.Row[] Rows) order =
                value.Epoch == _epoch || value.Epoch < 0 ? (_ordered, _rows) : Order(value.Epoch);
            if (value.Epoch < 0 || value.Index < 0 || value.Index >= order.Rows.Length)
                throw new UserException($"The saved position is row {value.Index} of epoch {value.Epoch}; "
                    + $"the data has {Counted.Of(order.Rows.Length, "row")}. Resume with the data that "
                    + "the run began with.");
            (_ordered, _rows) = order;
            (_epoch, _index) = value;
        }
    }

    /// <summary>The next B rows.</summary>
    public TokenBatch Next()
    {
        TokenBatch batch = _data.EmptyBatch(_options.B, _options.T);
        for (int b = 0; b < batch.B; b++)
        {
            _ordered.CopyRow(_rows[_index++], batch, b);
            if (_index < _rows.Length)
                continue;
            _index = 0;
            (_ordered, _rows) = Order(++_epoch);
        }
        return batch;
    }

    /// <summary>
    /// All rows once, in the order of the data, for evaluation: the last batch may have fewer rows, and in
    /// packed and shuffled rows the last row may be short, so that every token but the first is a target
    /// once.
    /// </summary>
    /// <exception cref="UserException">An option is out of range.</exception>
    public static IEnumerable<TokenBatch> InOrder(TokenDataset data, TokenBatchOptions options)
    {
        options.Validate();
        TokenDataset.Row[] rows = options.Rows == TokenRows.PerDocument
            ? data.DocumentRows(options.T, options.Bos)
            : data.AllRows(options.T);
        return rows.Chunk(options.B).Select(chunk => data.Batch(chunk, options.T));
    }

    (TokenDataset Data, TokenDataset.Row[] Rows) Order(int epoch)
    {
        var random = new SeededRandom(_seed, OrderStream + (ulong)epoch);
        TokenDataset data = _options.Rows == TokenRows.Shuffled ? _data.Shuffled(random) : _data;
        // The windows begin elsewhere in each epoch, as far as the tokens that fill no window allow: the
        // same tokens are not always the ones that are left out.
        TokenDataset.Row[] rows = _options.Rows switch
        {
            TokenRows.Packed => data.PackedRows(
                _options.T, random.Next((data.Tokens.Length - 1) % _options.T + 1)),
            TokenRows.PerDocument => data.DocumentRows(_options.T, _options.Bos),
            _ => data.RowsFromDocuments(_options.T),
        };
        random.Shuffle<TokenDataset.Row>(rows);
        return (data, rows);
    }
}
