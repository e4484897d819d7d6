using HeadTap.Models;

namespace HeadTap.Circuits;

/// <summary>Cells as rows of passes that resume at their layer, each with its edit.</summary>
sealed class WholeCells(LanguageModel model, PatchGrid grid, ModelSession rest, int rowsInPass) : ICellRunner
{
    /// <inheritdoc/>
    public IEnumerable<Site> Record
        => grid.Layers.SelectMany(l => (Site[])[Site.ResidPre(l), Site.AttnOut(l)]);

    /// <inheritdoc/>
    public void Begin(PatchRun run)
    {
    }

    /// <inheritdoc/>
    public double[] Run(PatchRun run, int layer, PatchCell[] cells, RecordedValue value)
    {
        ResumePoint from = run.From(layer, grid.BehindAttention);
        int passes = (cells.Length + rowsInPass - 1) / rowsInPass;
        var values = new List<double>();
        // Passes of one size, so that the session keeps its layout.
        foreach (PatchCell[] pass in cells.Chunk((cells.Length + passes - 1) / passes))
        {
            var rows = new SequenceBatch([.. pass.Select(_ => run.Target.Tokens)]);
            using (model.Attach(pass.Select((cell, b) => cell.ToEdit(grid.Kind, value, run.Positions, b))))
                rest.ForwardFrom(rows, from);
            values.AddRange(run.Metric.ValuesOfRows(rest.Logits.ToArray(), pass.Length));
        }
        return [.. values];
    }

    /// <inheritdoc/>
    public void Dispose() => rest.Dispose();
}
