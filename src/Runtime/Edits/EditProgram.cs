namespace HeadTap.Runtime;

/// <summary>
/// The attached edits made ready for one batch: which rows and columns of which tensor, with their values on
/// the device. Every operation x → y has its transpose beside it, which takes dL/dy to dL/dx.
/// </summary>
sealed class EditProgram : IDisposable
{
    readonly Gpt2Model _model;
    readonly BatchShape _batch;
    readonly TensorArena _arena;
    readonly Dictionary<Site, List<Step>> _steps = [];

    /// <summary>Makes the model's edits ready for a batch, or gives null when none applies to it.</summary>
    /// <exception cref="UserException">An edit names a row that the batch has not, or its value does not
    /// fit.</exception>
    internal static EditProgram? For(Gpt2Model model, in BatchShape batch)
    {
        BatchShape shape = batch;
        foreach (Edit edit in model.Edits) // those of another step too: a wrong row is told at once
            edit.ValidateRows(batch.B);
        Edit[] edits = [.. model.Edits.Where(e => shape.HasAny(e.Steps))];
        return edits.Length == 0 ? null : new EditProgram(model, batch, edits);
    }

    EditProgram(Gpt2Model model, in BatchShape batch, Edit[] edits)
    {
        _model = model;
        _batch = batch;
        Pending[] pending = [.. edits.SelectMany(Prepare)]; // all values are checked before memory is taken
        _arena = new TensorArena(model.Device,
            pending.Sum(p => (long)p.RowIds.Length + p.Values.Length + p.Width + 64), "edits");
        foreach (Pending p in pending)
        {
            if (!_steps.TryGetValue(p.Site, out List<Step>? list))
                _steps[p.Site] = list = [];
            list.Add(Upload(p));
        }
    }

    /// <summary>Whether any edit touches a site.</summary>
    internal bool Touches(Site site) => _steps.ContainsKey(site);

    /// <summary>Applies the edits of a site to the tensor that holds it.</summary>
    internal void Apply(Site site, Tensor x)
    {
        if (!_steps.TryGetValue(site, out List<Step>? steps))
            return;
        foreach (Step s in steps)
            s.Forward(_model.Ops, s.Rowed(x));
    }

    /// <summary>
    /// Takes the gradient of the edited values to that of the values before, edits in reverse.
    /// </summary>
    internal void ApplyBackward(Site site, Tensor dX)
    {
        if (!_steps.TryGetValue(site, out List<Step>? steps))
            return;
        for (int i = steps.Count - 1; i >= 0; i--)
            steps[i].Backward(_model.Ops, steps[i].Rowed(dX));
    }

    /// <inheritdoc/>
    public void Dispose() => _arena.Dispose();

    List<Pending> Prepare(Edit edit)
    {
        var pending = new List<Pending>();
        (float[], int[])? value = edit.Value?.Resolve(_model);
        foreach (Site site in Site.Match(edit.Site, _model.Config))
        {
            SiteLayout layout = SiteLayout.Of(site.Kind, _model.Config, _batch.B, _batch.T, _batch.Keys);
            bool oneHead = edit.Head is not null && !layout.HeadsInRows;
            int column = layout.Column + (oneHead ? edit.Head!.Value * layout.Unit : 0);
            foreach ((int step, int width, List<EditRow> rows) in Pieces(edit, layout, oneHead))
            {
                (float[] values, bool perRow) = value is not { } v ? ([], false)
                    : EditValues.Fit(edit, site, layout, v, rows, width);
                int[] ids = [.. rows.Select(r => RowId(r, layout))];
                if (ids.Length > 0)
                    pending.Add(new Pending(edit, site, layout.Stride, column, width, step,
                        rows, ids, values, perRow));
            }
        }
        return pending;
    }

    // Rows that are edited together. Means and C# functions see the tokens of one step. A row of scores or of
    // a pattern ends at the keys that its text has at that step: beyond are padding and tokens yet to come.
    IEnumerable<(int Step, int Width, List<EditRow> Rows)> Pieces(Edit edit, SiteLayout layout, bool oneHead)
    {
        List<EditRow> rows = Rows(edit, layout);
        int all = oneHead ? layout.Unit : layout.Width;
        if (rows.Count == 0)
            return [(_batch.Step, all, rows)];
        bool bySteps = layout.HeadsInRows || edit.Operation is EditOperation.Mean or EditOperation.Call;
        return rows
            .GroupBy(r => (Row: layout.HeadsInRows ? r.BatchRow : 0,
                Step: bySteps ? _batch.StepOf(r.BatchRow, r.Position) : 0))
            .Select(g => (g.Key.Step, Width(g.First()), g.ToList()));

        int Width(EditRow first)
            => layout.HeadsInRows ? _batch.LengthAt(first.BatchRow, first.Position) : all;
    }

    List<EditRow> Rows(Edit edit, SiteLayout layout)
    {
        var rows = new List<EditRow>();
        for (int b = 0; b < _batch.B; b++)
        {
            if (edit.Rows is { } only && !only.Contains(b))
                continue;
            for (int h = 0; h < (layout.HeadsInRows ? layout.Heads : 1); h++)
                for (int position = _batch.FirstPosition(b); position < _batch.Length(b); position++)
                    if (edit.Positions.Contains(position, _batch.LengthAt(b, position))
                        && (edit.Steps is null || edit.Steps.Contains(_batch.StepOf(b, position)))
                        && (!layout.HeadsInRows || edit.Head is null || edit.Head == h))
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

    Step Upload(Pending p)
    {
        IndexTensor ids = _arena.UploadIndices("edited rows", p.RowIds);
        Tensor? values = p.Values.Length == 0 ? null
            : _arena.Upload($"value of the edit at {p.Site}", p.Values,
                p.PerRow ? [p.RowIds.Length, p.Width] : [p.Width]);
        Tensor? mean = p.Edit.Operation == EditOperation.Mean
            ? _arena.Cut("mean of edited rows", p.Width) : null;
        return new Step(p, ids, values, mean);
    }

    sealed record Pending(
        Edit Edit, Site Site, int Stride, int Column, int Width, int Step, List<EditRow> Rows, int[] RowIds,
        float[] Values, bool PerRow);

    sealed record Step(Pending Plan, IndexTensor Ids, Tensor? Values, Tensor? Mean)
    {
        /// <summary>The tensor as rows of the site's stride.</summary>
        internal Tensor Rowed(Tensor x)
            => x.Columns == Plan.Stride ? x : x.Reshape(checked((int)(x.Length / Plan.Stride)), Plan.Stride);

        internal void Forward(Ops ops, Tensor x)
        {
            Edit e = Plan.Edit;
            switch (e.Operation)
            {
                case EditOperation.Add: ops.EditAdd(x, Ids, Plan.Column, Values!, e.Alpha); break;
                case EditOperation.Replace or EditOperation.Patch:
                    ops.EditReplace(x, Ids, Plan.Column, Values!);
                    break;
                case EditOperation.Scale: ops.EditScale(x, Ids, Plan.Column, Plan.Width, e.Alpha); break;
                case EditOperation.Zero: ops.EditScale(x, Ids, Plan.Column, Plan.Width, 0f); break;
                case EditOperation.Mean: ops.EditMean(x, Ids, Plan.Column, Plan.Width, Mean!); break;
                case EditOperation.ProjectOut:
                    ops.EditProjectOut(x, Ids, Plan.Column, Values!, e.Alpha);
                    break;
                default: Call(x, e.Function!); break;
            }
        }

        internal void Backward(Ops ops, Tensor dX)
        {
            Edit e = Plan.Edit;
            switch (e.Operation)
            {
                case EditOperation.Add: break; // d(x + v)/dx is the identity
                case EditOperation.Replace or EditOperation.Patch or EditOperation.Zero: // x is forgotten
                    ops.EditScale(dX, Ids, Plan.Column, Plan.Width, 0f);
                    break;
                case EditOperation.Scale: ops.EditScale(dX, Ids, Plan.Column, Plan.Width, e.Alpha); break;
                case EditOperation.Mean: // averaging over n rows is a symmetric matrix
                    ops.EditMean(dX, Ids, Plan.Column, Plan.Width, Mean!);
                    break;
                case EditOperation.ProjectOut: // so is I - alpha u uᵀ
                    ops.EditProjectOut(dX, Ids, Plan.Column, Values!, e.Alpha);
                    break;
                default:
                    if (e.FunctionBackward is { } backward)
                        Call(dX, backward);
                    break;
            }
        }

        // Row by row through the host: a C# function is for trying things out, not for speed.
        void Call(Tensor x, EditFunction function)
        {
            int n = Plan.RowIds.Length, width = Plan.Width;
            float[] values = new float[(long)n * width];
            for (int i = 0; i < n; i++)
                Row(i).Download(values.AsSpan(i * width, width));
            function(new EditContext(Plan.Site, Plan.Step, Plan.Rows, width, values));
            for (int i = 0; i < n; i++)
                Row(i).Upload(values.AsSpan(i * width, width));
            Tensor Row(int i)
                => x.Slice("edited row", (long)Plan.RowIds[i] * Plan.Stride + Plan.Column, width);
        }
    }
}
