using System.Runtime.InteropServices;
using HeadTap.Models;

namespace HeadTap.Circuits;

/// <summary>
/// Cells by position, where a patch changes its own position alone within the block. One pass a head patches
/// all positions together and gives the stream out of the block at each; a cell is then a suffix of the next
/// block's stream that begins with it. Tokens before it are not run again, and a cell that changes no bit is
/// the run that is patched.
/// </summary>
sealed class SuffixCells(LanguageModel model, PatchGrid grid, ModelSession columns, SuffixSession suffixes)
    : ICellRunner
{
    /// <summary>Whether a patch of a site at a position leaves the others of the block alone, with the bits
    /// of a plain pass.</summary>
    internal static bool Fits(PatchGrid grid) => grid.HasPositions
        && grid.Kind is not (SiteKind.K or SiteKind.V or SiteKind.Pattern or SiteKind.Result);

    /// <summary>What the session of columns needs.</summary>
    internal static SessionOptions ColumnsOf(ModelConfig config, PatchGrid grid, int maxTokens) => new()
    {
        MaxRows = grid.Axis == PatchAxis.HeadPosition ? config.Heads : 1, MaxTokens = maxTokens,
        Logits = LogitsAt.Last, Record = [.. grid.Layers.Select(Site.ResidPost)],
    };

    /// <inheritdoc/>
    public IEnumerable<Site> Record => Enumerable.Range(0, model.Config.Layers).SelectMany(
        l => (Site[])[Site.ResidPre(l), Site.AttnOut(l), Site.K(l), Site.V(l)])
        .Append(Site.ResidPost(model.Config.Layers - 1));

    /// <inheritdoc/>
    public void Begin(PatchRun run) => suffixes.Begin(run.Recordings);

    /// <inheritdoc/>
    public double[] Run(PatchRun run, int layer, PatchCell[] cells, RecordedValue value)
    {
        bool before = grid.Kind == SiteKind.ResidPre;
        int at = before ? layer : layer + 1, L = model.Config.Layers, C = model.Config.Width;
        float[] own = run.Recordings[at < L ? Site.ResidPre(at) : Site.ResidPost(L - 1)].ToArray();
        (float[] patched, double[] last) = before ? (value.Values, []) : Columns(run, layer, value);
        double unchanged = run.Metric.Value(run.Own);
        double[] values = new double[cells.Length];
        var pending = new List<(int Cell, int Start, int Row)>();
        int tokens = 0, T = run.Target.Tokens.Length;
        foreach ((int i, PatchCell cell) in cells.Index())
        {
            int position = cell.Position!.Value, row = ((cell.Head ?? 0) * T + position) * C;
            values[i] = unchanged;
            if (SameBits(patched.AsSpan(row, C), own.AsSpan(position * C, C)))
                continue;
            if (at == L) // behind the last block a token tells the others nothing
            {
                if (position == T - 1)
                    values[i] = last[cell.Head ?? 0];
                continue;
            }
            if (pending.Count == suffixes.MaxRows || tokens + T - position > suffixes.MaxSuffixTokens)
                Flush();
            pending.Add((i, position, row));
            tokens += T - position;
        }
        Flush();
        return values;

        void Flush()
        {
            if (pending.Count == 0)
                return;
            var streams = new List<float>(tokens * C);
            foreach ((_, int start, int row) in pending)
            {
                streams.AddRange(patched.AsSpan(row, C));
                streams.AddRange(own.AsSpan((start + 1) * C));
            }
            float[] logits = suffixes.Logits(
                at, [.. pending.Select(p => p.Start)], CollectionsMarshal.AsSpan(streams));
            foreach (((int cell, _, _), double measured) in
                pending.Zip(run.Metric.ValuesOfRows(logits, pending.Count)))
                values[cell] = measured;
            pending.Clear();
            tokens = 0;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        columns.Dispose();
        suffixes.Dispose();
    }

    // [heads or 1, T, C]: the stream out of the block with all positions patched, and the metric then.
    (float[] Streams, double[] Values) Columns(PatchRun run, int layer, RecordedValue value)
    {
        int count = grid.Axis == PatchAxis.HeadPosition ? model.Config.Heads : 1;
        var rows = new SequenceBatch([.. Enumerable.Repeat(run.Target.Tokens, count)]);
        using (model.Attach(Enumerable.Range(0, count).Select(b
            => new PatchCell(layer, Head: grid.Axis == PatchAxis.HeadPosition ? b : null)
                .ToEdit(grid.Kind, value, run.Positions, b))))
            columns.ForwardFrom(rows, run.From(layer, grid.BehindAttention));
        return (columns.Recordings[Site.ResidPost(layer)].ToArray(),
            run.Metric.ValuesOfRows(columns.Logits.ToArray(), count));
    }

    static bool SameBits(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
        => MemoryMarshal.AsBytes(a).SequenceEqual(MemoryMarshal.AsBytes(b));
}
