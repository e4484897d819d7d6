using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Circuits;

/// <summary>
/// Path patching (Wang et al. 2022, arXiv 2211.00593, appendix B; Goldowsky-Dill et al. 2023, arXiv
/// 2304.05969): what senders of another run change at receivers alone. Three runs give a cell: 1. the run
/// that is patched, whose values are kept; 2. the same with the senders' values of the other run and all
/// heads (and feed-forward blocks) at their kept values, in which the receivers are recorded; 3. the same
/// with the receivers as recorded and everything else free, in which the metric is taken.
/// </summary>
/// <remarks>Cells whose lowest sender is in one layer are rows of one batch that resumes there.</remarks>
public sealed class PathSweep : IPatching
{
    const int TokensInPass = 2048;

    readonly LanguageModel _model;
    readonly PathGrid _grid;
    readonly Site[] _ends;
    readonly ModelSession _plain, _through, _rest;

    /// <summary>Allocates sessions for prompts up to a length.</summary>
    /// <param name="model">The model; no edits may be attached.</param>
    /// <param name="grid">Senders and receivers.</param>
    /// <param name="maxTokens">Number of tokens of the longest prompt.</param>
    /// <param name="rowsInPass">Most cells of a pass; null for as many as are fast.</param>
    /// <exception cref="UserException">The grid does not fit the model, or the prompts do not fit its
    /// context.</exception>
    public PathSweep(LanguageModel model, PathGrid grid, int maxTokens, int? rowsInPass = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(grid);
        grid.Validate(model.Config);
        (_model, _grid) = (model, grid);
        _ends = [.. grid.Receivers.Select(r => r.Site).Distinct().Order()];
        int most = grid.Cells.GroupBy(cell => cell.Layer).Max(layer => layer.Count());
        RowsInPass = Math.Clamp(rowsInPass ?? TokensInPass / maxTokens, 1, most);
        ModelSession[] made = Sessions.Open(model,
            new SessionOptions
            {
                MaxTokens = maxTokens, Logits = LogitsAt.Last,
                Record = [.. Enumerable.Range(0, model.Config.Layers).SelectMany(
                    l => (Site[])[Site.ResidPre(l), Site.Z(l), Site.MlpOut(l)])],
            },
            new SessionOptions { MaxRows = RowsInPass, MaxTokens = maxTokens, Record = _ends },
            new SessionOptions { MaxRows = RowsInPass, MaxTokens = maxTokens, Logits = LogitsAt.Last });
        (_plain, _through, _rest) = (made[0], made[1], made[2]);
    }

    /// <summary>Most cells of a pass.</summary>
    public int RowsInPass { get; }

    /// <inheritdoc/>
    public PatchedPair Run(PatchContrast contrast, AnswerMetric metric,
        PatchDirection direction = PatchDirection.Denoise, Action<double>? done = null)
    {
        ArgumentNullException.ThrowIfNull(contrast);
        ArgumentNullException.ThrowIfNull(metric);
        metric.Validate(_model.Config.VocabSize);
        PatchInput source = contrast.Source(direction), target = contrast.Target(direction);
        if (!contrast.Positions.IsSame || source.Tokens.Length != target.Tokens.Length
            || contrast.Positions.Pairs.Count != target.Tokens.Length)
            throw new UserException("paths need prompts of one length, each position with itself");
        (float[] given, Dictionary<Site, EditValue> sent) = Kept(source,
            _grid.Cells.SelectMany(cell => cell.Senders).Select(sender => sender.Site).Distinct());
        (float[] own, Dictionary<Site, EditValue> kept) = Kept(target, Frozen(0));
        (float[] clean, float[] corrupt) = direction == PatchDirection.Denoise ? (given, own) : (own, given);
        metric = metric with { CleanLogits = clean };
        double[] values = new double[_grid.Cells.Count];
        int ready = 0;
        foreach (IGrouping<int, (int Index, PathCell Cell)> layer in
            _grid.Cells.Index().GroupBy(cell => cell.Item.Layer))
            foreach ((int Index, PathCell Cell)[] pass in layer.Chunk(RowsInPass))
            {
                var rows = new SequenceBatch([.. pass.Select(_ => target.Tokens)]);
                Send(layer.Key, rows, [.. pass.Select(cell => cell.Cell)], sent, kept);
                double[] measured = Receive(layer.Key, rows, metric);
                foreach ((int b, (int Index, PathCell) cell) in pass.Index())
                    values[cell.Index] = measured[b];
                done?.Invoke((double)(ready += pass.Length) / values.Length);
            }
        return new(metric.Value(clean), metric.Value(corrupt), target.Tokens.Length,
            [.. _grid.Cells.Select(cell => cell.Cell)], values);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _plain.Dispose();
        _through.Dispose();
        _rest.Dispose();
    }

    (float[] Logits, Dictionary<Site, EditValue> Values) Kept(PatchInput input, IEnumerable<Site> sites)
    {
        using (_model.Attach(input.Edits))
            _plain.Forward(new SequenceBatch([input.Tokens]));
        return (_plain.Logits.ToArray(), sites.ToDictionary(site => site, site =>
            EditValue.Recorded(_plain.Recordings[site].ToArray(), _plain.Recordings[site].Shape)));
    }

    // What keeps its values between a layer and the last receiver.
    IEnumerable<Site> Frozen(int layer)
    {
        for (int l = layer; l <= _grid.LastLayer; l++)
        {
            yield return Site.Z(l);
            if (_grid.FreezesMlps)
                yield return Site.MlpOut(l);
        }
    }

    // Run 2. Edits at one site apply in their order, so a sender's own value comes last.
    void Send(int layer, SequenceBatch rows, PathCell[] cells, Dictionary<Site, EditValue> sent,
        Dictionary<Site, EditValue> kept)
    {
        using (_model.Attach(
        [
            .. Frozen(layer).Select(site => new PathNode(site).ToEdit(kept[site])),
            .. cells.SelectMany((cell, b) => cell.Senders.Select(s => s.ToEdit(sent[s.Site], b))),
        ]))
            _through.ForwardFrom(rows, From(layer));
    }

    // Run 3. Receivers below the senders have the values that they had.
    double[] Receive(int layer, SequenceBatch rows, AnswerMetric metric)
    {
        Dictionary<Site, EditValue> received = _ends.Where(site => site.Layer >= layer).ToDictionary(
            site => site, site => EditValue.Recorded(
                _through.Recordings[site].ToArray(), _through.Recordings[site].Shape));
        using (_model.Attach(_grid.Receivers.Where(r => received.ContainsKey(r.Site))
            .Select(r => r.ToEdit(received[r.Site]))))
            _rest.ForwardFrom(rows, From(_grid.FirstLayer));
        return metric.ValuesOfRows(_rest.Logits.ToArray(), rows.B);
    }

    ResumePoint From(int layer) => new(layer, _plain.Recordings[Site.ResidPre(layer)].ToArray());
}
