namespace HeadTap.Runtime;

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
    TokenDataset.Row[] _rows;
    int _epoch;
    int _index;

    /// <summary>Batches from the beginning of epoch 0.</summary>
    /// <exception cref="UserException">An option is out of range, or the data has too few tokens for a
    /// row.</exception>
    public TokenBatches(TokenDataset data, TokenBatchOptions options, ulong seed)
    {
        options.Validate();
        if (options.Rows == TokenRows.Packed)
            data.RequireWindow(options.T);
        (_data, _options, _seed) = (data, options, seed);
        _rows = Order(0);
    }

    /// <summary>Rows in every epoch.</summary>
    public int RowsPerEpoch => _rows.Length;

    /// <summary>Where the next batch begins.</summary>
    /// <exception cref="UserException">The position is not one of this data.</exception>
    public EpochPosition Position
    {
        get => new(_epoch, _index);
        set
        {
            if (value.Epoch < 0 || value.Index < 0 || value.Index >= RowsPerEpoch)
                throw new UserException($"The saved position is row {value.Index} of epoch {value.Epoch}; "
                    + $"the data has {RowsPerEpoch} rows. Resume with the data that the run began with.");
            if (value.Epoch != _epoch)
                _rows = Order(value.Epoch);
            (_epoch, _index) = value;
        }
    }

    /// <summary>The next B rows.</summary>
    public TokenBatch Next()
    {
        var rows = new TokenDataset.Row[_options.B];
        for (int b = 0; b < rows.Length; b++)
        {
            rows[b] = _rows[_index++];
            if (_index < _rows.Length)
                continue;
            _index = 0;
            _rows = Order(++_epoch);
        }
        return _data.Batch(rows, _options.T);
    }

    /// <summary>
    /// All rows once, in the order of the data, for evaluation: the last batch may have fewer rows, and in
    /// packed mode the last row may be short, so that every token but the first is a target exactly once.
    /// </summary>
    /// <exception cref="UserException">An option is out of range.</exception>
    public static IEnumerable<TokenBatch> InOrder(TokenDataset data, TokenBatchOptions options)
    {
        options.Validate();
        TokenDataset.Row[] rows = options.Rows == TokenRows.Packed
            ? data.AllRows(options.T)
            : data.DocumentRows(options.T, options.Bos);
        return rows.Chunk(options.B).Select(chunk => data.Batch(chunk, options.T));
    }

    TokenDataset.Row[] Order(int epoch)
    {
        var random = new SeededRandom(_seed, OrderStream + (ulong)epoch);
        // The windows begin elsewhere in each epoch, as far as the tokens that fill no window allow: the
        // same tokens are not always the ones that are left out.
        TokenDataset.Row[] rows = _options.Rows == TokenRows.Packed
            ? _data.PackedRows(_options.T, random.Next((_data.Tokens.Length - 1) % _options.T + 1))
            : _data.DocumentRows(_options.T, _options.Bos);
        random.Shuffle<TokenDataset.Row>(rows);
        return rows;
    }
}
