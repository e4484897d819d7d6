using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// The attached edits made ready for one batch: which rows and columns of which tensor, with their values on
/// the device. Every operation x → y has its transpose beside it, which takes dL/dy to dL/dx.
/// </summary>
sealed class CompiledEdits : IDisposable
{
    readonly LanguageModel _model;
    readonly BatchShape _batch;
    readonly TensorArena _arena;
    readonly Dictionary<Site, List<EditStep>> _steps = [];
    readonly Dictionary<Site, FusedZEdits> _stored = [];

    /// <summary>Makes the model's edits ready for a batch, or gives null when none applies to it.</summary>
    /// <param name="model">What is edited.</param>
    /// <param name="batch">Rows and positions of the pass.</param>
    /// <param name="storing">Whether fused attention may apply edits of z: see <see cref="Stored"/>.</param>
    /// <exception cref="UserException">An edit names a row that the batch has not, or its value does not
    /// fit.</exception>
    internal static CompiledEdits? For(LanguageModel model, in BatchShape batch, bool storing)
    {
        BatchShape shape = batch;
        foreach (Edit edit in model.Edits) // those of another step too: a wrong row is told at once
            edit.ValidateRows(batch.Texts);
        Edit[] edits = [.. model.Edits.Where(e => shape.HasAny(e.Steps))];
        return edits.Length == 0 ? null : new CompiledEdits(model, batch, edits, storing);
    }

    CompiledEdits(LanguageModel model, in BatchShape batch, Edit[] edits, bool storing)
    {
        _model = model;
        _batch = batch;
        // All values are checked before memory is taken.
        PreparedEdit[] pending = [.. edits.SelectMany(Prepare)];
        ILookup<Site, PreparedEdit> sites = pending.ToLookup(p => p.Site);
        Site[] stored = [.. sites.Select(s => s.Key).Where(s => storing && CanStore(s, sites))];
        int rows = batch.B * batch.T;
        _arena = new TensorArena(model.Device, pending.Sum(p => p.Floats
            + (stored.Contains(p.Site) ? FusedZEdits.Floats(rows) : 0)), "edits");
        foreach (IGrouping<Site, PreparedEdit> site in sites)
            if (stored.Contains(site.Key))
                _stored[site.Key] = Store(site, rows);
            else
                _steps[site.Key] = [.. site.Select(Upload)];
    }

    /// <summary>Whether any edit touches a site.</summary>
    internal bool Touches(Site site) => _steps.ContainsKey(site) || _stored.ContainsKey(site);

    /// <summary>
    /// The edits of a block's z where fused attention applies them as it stores it: then
    /// <see cref="Apply"/> has nothing left to do there. Null where they come afterwards: on the host, where
    /// a backward pass needs z from before, where scores or patterns are edited and so not fused, and for
    /// operations that need more of a row than the number they change.
    /// </summary>
    internal FusedZEdits? Stored(Site site) => _stored.GetValueOrDefault(site);

    /// <summary>The first site that is edited; null for an edit that touches no row.</summary>
    internal Site? FirstSite => Sites.Any() ? Sites.Min() : null;

    /// <summary>The last one; null as for the first.</summary>
    internal Site? LastSite => Sites.Any() ? Sites.Max() : null;

    IEnumerable<Site> Sites => _steps.Keys.Concat(_stored.Keys);

    /// <summary>Applies the edits of a site to the tensor that holds it.</summary>
    internal void Apply(Site site, Tensor x)
    {
        if (!_steps.TryGetValue(site, out List<EditStep>? steps))
            return;
        foreach (EditStep s in steps)
            s.Forward(_model.Ops, s.Rowed(x));
    }

    /// <summary>
    /// Takes the gradient of the edited values to that of the values before, edits in reverse.
    /// </summary>
    internal void ApplyBackward(Site site, Tensor dX)
    {
        if (!_steps.TryGetValue(site, out List<EditStep>? steps))
            return;
        for (int i = steps.Count - 1; i >= 0; i--)
            steps[i].Backward(_model.Ops, steps[i].Rowed(dX));
    }

    /// <inheritdoc/>
    public void Dispose() => _arena.Dispose();

    bool CanStore(Site site, ILookup<Site, PreparedEdit> sites)
        => site.Kind == SiteKind.Z && !_model.Device.IsHost
        && !sites.Contains(new Site(SiteKind.Scores, site.Layer))
        && !sites.Contains(new Site(SiteKind.Pattern, site.Layer))
        && sites[site].All(p => p.Edit.Neurons is null && p.Edit.Operation
            is EditOperation.Add or EditOperation.Scale or EditOperation.Zero);

    FusedZEdits Store(IEnumerable<PreparedEdit> edits, int rows) => FusedZEdits.Upload(_arena, rows,
        [.. edits.Select(p => new ZEdit(p.RowIds, p.Column, p.Width,
            p.Edit.Operation == EditOperation.Zero ? 0f : p.Edit.Alpha,
            p.Edit.Operation == EditOperation.Add ? p.Values : null))]);

    List<PreparedEdit> Prepare(Edit given)
    {
        var pending = new List<PreparedEdit>();
        EditValue? last = null;
        (float[] Values, int[] Shape)? value = null;
        foreach (Site site in given.Site.In(_model.Config))
        {
            EditValue? here = given.Value?.ForSite(site);
            if (!ReferenceEquals(here, last)) // most values are the same at all sites, and read once
                (last, value) = (here, here?.Resolve(_model));
            SiteLayout layout = SiteLayout.Of(site.Kind, _model.Config, _batch.B, _batch.T, _batch.Keys);
            Edit edit = value is { Shape.Length: > 0, Values.Length: var length }
                ? EditValues.OfEachHead(given, layout, length) : given;
            EditColumns[] parts = EditColumns.Of(edit, layout);
            foreach ((int step, int keys, List<EditRow> rows) in Pieces(edit, layout))
                foreach (EditColumns columns in parts)
                {
                    int width = layout.HeadsInRows ? keys : columns.Width;
                    (float[] values, bool perRow) = value is not { } v ? ([], false)
                        : EditValues.Fit(edit, site, layout, v, rows, columns, width);
                    int[] ids = [.. rows.Select(r => RowId(r, layout))];
                    if (ids.Length > 0)
                        pending.Add(new PreparedEdit(edit, site, layout.Stride,
                            layout.Column + columns.Column, width, step, rows, ids, values, perRow)
                        {
                            To = edit.To is not { } to ? [] : EditValues.Fit(edit, site, layout,
                                to.ForSite(site).Resolve(_model), rows, columns, width).Values,
                        });
                }
        }
        return pending;
    }

    // Rows that are edited together. Means and C# functions see the tokens of one step. A row of scores or of
    // a pattern ends at the keys that its text has at that step: beyond are padding and tokens yet to come.
    IEnumerable<(int Step, int Keys, List<EditRow> Rows)> Pieces(Edit edit, SiteLayout layout)
    {
        List<EditRow> rows = Rows(edit, layout);
        if (rows.Count == 0)
            return [(_batch.Step, layout.Width, rows)];
        bool bySteps = layout.HeadsInRows || edit.Operation is EditOperation.Mean or EditOperation.Call;
        if (!bySteps)
            return [(0, layout.Width, rows)];
        return rows
            .GroupBy(r => (Row: layout.HeadsInRows ? r.BatchRow : 0,
                Step: _batch.StepOf(r.BatchRow, r.Position)))
            .Select(g => (g.Key.Step, _batch.LengthAt(g.First().BatchRow, g.First().Position), g.ToList()));
    }

    List<EditRow> Rows(Edit edit, SiteLayout layout)
    {
        var rows = new List<EditRow>();
        for (int b = 0; b < _batch.B; b++)
        {
            if (edit.Rows is { } only && !only.Contains(_batch.TextOf(b)))
                continue;
            for (int h = 0; h < (layout.HeadsInRows ? layout.Heads : 1); h++)
                for (int position = _batch.FirstPosition(b); position < _batch.Length(b); position++)
                    if (edit.Positions.Contains(position, _batch.LengthAt(b, position))
                        && (edit.Steps is null || edit.Steps.Contains(_batch.StepOf(b, position)))
                        && (!layout.HeadsInRows || edit.OnlyHeads is not { } heads || heads.Contains(h)))
                        rows.Add(new EditRow(b, position, layout.HeadsInRows ? h : -1));
        }
        return rows;
    }

    int RowId(EditRow row, SiteLayout layout)
    {
        int t = row.Position - _batch.FirstPosition(row.BatchRow);
        return layout.HeadsInRows
            ? checked((row.BatchRow * layout.Heads + row.Head) * _batch.T + t)
            : checked(row.BatchRow * _batch.T + t);
    }

    EditStep Upload(PreparedEdit p)
    {
        IndexTensor ids = _arena.UploadIndices("edited rows", p.RowIds);
        Tensor? values = p.Values.Length == 0 ? null
            : _arena.Upload($"value of the edit at {p.Site}", p.Values,
                p.PerRow ? [p.RowIds.Length, p.Width] : [p.Width]);
        Tensor? mean = p.Edit.Operation == EditOperation.Mean
            ? _arena.Cut("mean of edited rows", p.Width) : null;
        return new EditStep(p, ids, values, mean)
        {
            Swap = p.To.Length == 0 ? null
                : new DirectionSwap(_arena, ids, p.Values, p.To, p.Edit.Alpha),
        };
    }
}
