using HeadTap.Kernels;

namespace HeadTap.Runtime;

/// <summary>One edit of z that attention applies as it stores z.</summary>
/// <param name="RowIds">Rows of z, distinct.</param>
/// <param name="Column">The first edited column.</param>
/// <param name="Width">Number of edited columns: those of whole heads.</param>
/// <param name="Factor">Scales the columns, or the values that are added to them.</param>
/// <param name="Values">[Width], or [RowIds.Length, Width]; null scales the columns.</param>
public sealed record ZEdit(int[] RowIds, int Column, int Width, float Factor, float[]? Values);

/// <summary>Edits of z on the device, for <see cref="Ops.AttentionEdited"/>.</summary>
public sealed record FusedZEdits
{
    FusedZEdits(IndexTensor table, int count) => (Table, Count) = (table, count);

    /// <summary>The edits as <see cref="HeadEdit.Table"/> packs them.</summary>
    internal IndexTensor Table { get; }

    /// <summary>Number of edits.</summary>
    public int Count { get; }

    /// <summary>Floats of an arena that one edit takes besides its values.</summary>
    /// <param name="rows">Rows of z.</param>
    public static long Floats(int rows) => HeadEdit.Header + rows;

    /// <summary>Cuts the table of edits from an arena and fills it.</summary>
    /// <param name="arena">Memory on the device that runs attention.</param>
    /// <param name="rows">Rows of z.</param>
    /// <param name="edits">The edits, in the order in which they apply.</param>
    public static FusedZEdits Upload(TensorArena arena, int rows, IReadOnlyList<ZEdit> edits)
    {
        ArgumentNullException.ThrowIfNull(arena);
        ArgumentNullException.ThrowIfNull(edits);
        int[] table = HeadEdit.Table([.. edits.Select(e =>
            new HeadEdit(e.RowIds, e.Column, e.Width, e.Factor, e.Values))], rows);
        return new FusedZEdits(arena.UploadIndices("edits of z", table), edits.Count);
    }
}
