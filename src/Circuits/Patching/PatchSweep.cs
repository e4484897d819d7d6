using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Circuits;

/// <summary>
/// Activation patching: for every cell of a grid, a run in which the cell's values are those of another run
/// (Vig et al. 2020, arXiv 2004.12265; Meng et al. 2022, arXiv 2202.05262, section 2; practice of Heimersheim
/// and Nanda 2024, arXiv 2404.15255). What lies below a layer is computed once, and the cells of a layer are
/// rows of one batch. Where a cell is a position, tokens before it are not run again
/// (<see cref="SuffixSession"/>).
/// </summary>
/// <remarks>
/// On the host each cell has the bits of a whole pass with its edit alone, for any number of rows; on GPUs
/// the order of sums depends on the number of rows.
/// </remarks>
public sealed class PatchSweep : IPatching
{
    // As in InjectionSweep: more rows are not faster on a host and need more memory on every device.
    const int TokensInPass = 2048;

    readonly LanguageModel _model;
    readonly PatchGrid _grid;
    readonly ModelSession _plain, _source;
    readonly ICellRunner _cells;

    /// <summary>Allocates sessions for prompts up to a length.</summary>
    /// <param name="model">The model; no edits may be attached.</param>
    /// <param name="grid">Cells to run.</param>
    /// <param name="maxTokens">Number of tokens of the longest prompt.</param>
    /// <param name="rowsInPass">Most cells of a pass; null for as many as are fast.</param>
    /// <exception cref="UserException">The grid does not fit the model, or the prompts do not fit its
    /// context.</exception>
    public PatchSweep(LanguageModel model, PatchGrid grid, int maxTokens, int? rowsInPass = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(grid);
        grid.Validate(model.Config);
        (_model, _grid) = (model, grid);
        int most = grid.CellsOf(model.Config, 0, [.. Enumerable.Range(0, maxTokens)]).Count();
        RowsInPass = Math.Clamp(rowsInPass ?? TokensInPass / maxTokens, 1, most);
        _cells = Open(most, maxTokens, rowsInPass);
        try
        {
            // Results and patterns are computed otherwise than a plain pass does: it is by itself.
            ModelSession[] made = Sessions.Open(model,
                new SessionOptions
                {
                    MaxTokens = maxTokens, Logits = LogitsAt.Last, Record = [.. _cells.Record],
                },
                new SessionOptions
                {
                    MaxTokens = maxTokens, Record = [.. grid.Layers.Select(l => new Site(grid.Kind, l))],
                });
            (_plain, _source) = (made[0], made[1]);
        }
        catch (UserException)
        {
            _cells.Dispose();
            throw;
        }
    }

    /// <summary>Most cells of a pass.</summary>
    public int RowsInPass { get; }

    /// <inheritdoc/>
    public PatchedPair Run(PatchContrast contrast, AnswerMetric metric,
        PatchDirection direction = PatchDirection.Denoise, Action<double>? done = null)
    {
        ArgumentNullException.ThrowIfNull(contrast);
        ArgumentNullException.ThrowIfNull(metric);
        _grid.ValidateFor(contrast.Positions, direction, contrast.Clean.Tokens.Length,
            contrast.Corrupt.Tokens.Length);
        metric.Validate(_model.Config.VocabSize);
        PatchInput source = contrast.Source(direction), target = contrast.Target(direction);
        IReadOnlyList<(int Source, int Target)> into = contrast.Positions.Into(direction);
        int[] positions = _grid.PositionsOf([.. into.Select(p => p.Target)], target.Tokens.Length);
        Pass(_source, source);
        Pass(_plain, source);
        float[] given = _plain.Logits.ToArray();
        Pass(_plain, target); // cells resume from the recordings of this pass
        float[] own = _plain.Logits.ToArray();
        (float[] clean, float[] corrupt) = direction == PatchDirection.Denoise ? (given, own) : (own, given);
        metric = metric with { CleanLogits = clean };
        var run = new PatchRun(target, positions, metric, own, _plain.Recordings);
        _cells.Begin(run);
        var cells = new List<PatchCell>();
        var values = new List<double>();
        foreach ((int at, int layer) in _grid.Layers.Index())
        {
            PatchCell[] ofLayer = [.. _grid.CellsOf(_model.Config, layer, positions)];
            values.AddRange(_cells.Run(run, layer, ofLayer,
                Aligned(new Site(_grid.Kind, layer), into, target.Tokens.Length)));
            cells.AddRange(ofLayer);
            done?.Invoke((at + 1.0) / _grid.Layers.Count);
        }
        return new(metric.Value(clean), metric.Value(corrupt), target.Tokens.Length, cells, [.. values]);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _plain.Dispose();
        _source.Dispose();
        _cells.Dispose();
    }

    // On GPUs the number of rows decides the order of sums, so suffixes are for the host, as the last block's
    // last tokens are (LastTokenPass).
    ICellRunner Open(int most, int maxTokens, int? rowsInPass)
    {
        ModelSession session = new(_model, SuffixCells.Fits(_grid) && _model.Device.IsHost
            ? SuffixCells.ColumnsOf(_model.Config, _grid, maxTokens)
            : new SessionOptions { MaxRows = RowsInPass, MaxTokens = maxTokens, Logits = LogitsAt.Last });
        if (!SuffixCells.Fits(_grid) || !_model.Device.IsHost)
            return new WholeCells(_model, _grid, session, RowsInPass);
        try
        {
            // Attention puts suffixes into whole rows, which are four passes' memory at most.
            int rows = Math.Clamp(rowsInPass ?? 4 * TokensInPass / maxTokens, 1, most);
            return new SuffixCells(_model, _grid, session, new SuffixSession(_model, maxTokens, rows,
                (int)Math.Min((long)rows * maxTokens, Math.Max(TokensInPass, maxTokens))));
        }
        catch (UserException)
        {
            session.Dispose();
            throw;
        }
    }

    void Pass(ModelSession session, PatchInput input)
    {
        using (_model.Attach(input.Edits))
            session.Forward(new SequenceBatch([input.Tokens]));
    }

    // The source's values at a site, each row where its position is in the target.
    RecordedValue Aligned(Site site, IReadOnlyList<(int Source, int Target)> into, int length)
    {
        Recording recorded = _source.Recordings[site];
        float[] values = recorded.ToArray();
        if (site.Kind == SiteKind.Pattern
            || (recorded.Shape[1] == length && into.All(p => p.Source == p.Target)))
            return new RecordedValue(values, recorded.Shape);
        int width = values.Length / recorded.Shape[1];
        float[] aligned = new float[(long)length * width]; // rows without a counterpart are never read
        foreach ((int from, int to) in into)
            values.AsSpan(from * width, width).CopyTo(aligned.AsSpan(to * width));
        int[] shape = [.. recorded.Shape];
        shape[1] = length;
        return new RecordedValue(aligned, shape);
    }
}
