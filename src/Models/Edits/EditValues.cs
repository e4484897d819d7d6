using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>Fits an edit's value to the rows and columns it touches.</summary>
/// <remarks>
/// One row of numbers for all places is as long as the whole row of the site (then each column takes its
/// own), as all that the edit changes of it, or as what it changes of one head (then each chosen head takes
/// the same; without a choice, all do).
/// </remarks>
static class EditValues
{
    /// <summary>
    /// Refuses a value that no batch can use. How many tokens a recording must have, and how many keys a row
    /// of a pattern, is known when a batch is.
    /// </summary>
    /// <exception cref="UserException">The value's shape does not fit the site.</exception>
    internal static void RequireShape(Edit edit, Site site, SiteLayout layout, int[] shape)
    {
        long length = shape.Aggregate(1L, (product, extent) => product * extent);
        bool patch = edit.Operation == EditOperation.Patch;
        if (shape.Length == 0 && !patch)
            return; // one number serves any row
        int least = layout.HeadsInRows ? 1 : Selected(edit, layout);
        bool fits = layout.HeadsInRows ? length >= 1 && length <= layout.Width : Fits(edit, layout, length);
        if (patch || (shape.Length > 1 && !fits))
            RequireRecording(edit, site, layout, shape, least);
        else if (!fits)
            throw WrongLength(edit, site, length,
                layout.HeadsInRows ? $"1 to {layout.Width}" : Lengths(edit, layout));
    }

    /// <summary>
    /// The value as one row of <paramref name="width"/> for all, or as one for each edited row.
    /// </summary>
    /// <param name="edit">The edit.</param>
    /// <param name="site">Where it is.</param>
    /// <param name="layout">How the site's values lie.</param>
    /// <param name="value">All of the value, with its shape.</param>
    /// <param name="rows">The edited rows.</param>
    /// <param name="columns">The columns of them that the value is for.</param>
    /// <param name="width">Numbers of them; of scores and patterns, the keys that the rows have.</param>
    /// <exception cref="UserException">The value's shape does not fit the site.</exception>
    internal static (float[] Values, bool PerRow) Fit(
        Edit edit, Site site, SiteLayout layout, (float[] Values, int[] Shape) value,
        List<EditRow> rows, EditColumns columns, int width)
    {
        (float[] values, int[] shape) = value;
        bool masked = site.Kind == SiteKind.Scores; // its recordings are minus infinity above the diagonal
        if (!FiniteNumbers.All(values) && FiniteNumbers.Describe([.. shape], values.Length, masked,
            (start, piece) => values.AsSpan((int)start, piece.Length).CopyTo(piece)) is { } what)
            throw edit.Wrong($"its value is not finite: it {what}");
        bool row = layout.HeadsInRows ? shape.Length <= 1 || values.Length == width
            : Fits(edit, layout, values.Length);
        if (edit.Operation == EditOperation.Patch || (shape.Length > 1 && !row))
            return (Pick(edit, site, layout, rows, columns, width, values, shape), true);
        float[] one = shape.Length == 0 ? [.. Enumerable.Repeat(values[0], width)]
            : layout.HeadsInRows ? Keys(edit, site, layout, values, width)
            : Part(edit, site, layout, values, columns);
        return (edit.Operation is EditOperation.ProjectOut or EditOperation.Swap ? Unit(edit, one) : one,
            false);
    }

    /// <summary>
    /// The edit of each head by itself where its value is that of one head, and it names none.
    /// </summary>
    internal static Edit OfEachHead(Edit edit, SiteLayout layout, int length)
    {
        bool oneHead = edit.OnlyHeads is null && layout is { Heads: > 1, HeadsInRows: false }
            && length == layout.Unit && length < layout.Width;
        return oneHead ? edit with { Heads = [.. Enumerable.Range(0, layout.Heads)] } : edit;
    }

    // A row of a pattern may have fewer keys than its batch has columns.
    static float[] Keys(Edit edit, Site site, SiteLayout layout, float[] values, int width)
        => values.Length >= width && values.Length <= layout.Unit ? values[..width]
            : throw WrongLength(edit, site, values.Length, $"{width}");

    static float[] Part(Edit edit, Site site, SiteLayout layout, float[] values, EditColumns columns)
    {
        if (!Fits(edit, layout, values.Length))
            throw WrongLength(edit, site, values.Length, Lengths(edit, layout));
        int from = values.Length == layout.Width ? columns.Column : columns.Place % values.Length;
        return values[from..(from + columns.Width)];
    }

    static int Selected(Edit edit, SiteLayout layout)
        => edit.OnlyHeads is null && edit.Neurons is null ? layout.Width
            : (edit.OnlyHeads?.Count ?? 1) * (edit.Neurons?.Count ?? layout.Unit);

    static bool Fits(Edit edit, SiteLayout layout, long length)
    {
        int all = Selected(edit, layout);
        return length == all || length == all / HeadCount(edit, layout)
            || (length == layout.Width && TakesParts(edit));
    }

    static int HeadCount(Edit edit, SiteLayout layout) => edit.OnlyHeads?.Count ?? layout.Heads;

    // A whole row for a part of the columns: each takes its own numbers of it. A token's vector has no part
    // that belongs to a head.
    static bool TakesParts(Edit edit) => edit.Value is not (EmbeddingValue or JacobianValue);

    static string Lengths(Edit edit, SiteLayout layout)
    {
        int all = Selected(edit, layout), head = all / HeadCount(edit, layout);
        int[] lengths = TakesParts(edit) ? [head, all, layout.Width] : [head, all];
        return string.Join(" or ", lengths.Distinct());
    }

    // Rows of another run's recording [B, T, H, D] or [B, H, T, keys], at the same place. One batch row
    // serves every row of this batch.
    static float[] Pick(Edit edit, Site site, SiteLayout layout, List<EditRow> rows, EditColumns columns,
        int width, float[] values, int[] shape)
    {
        RequireRecording(edit, site, layout, shape, width);
        int tokenAxis = layout.TokenAxis;
        float[] picked = new float[(long)rows.Count * width];
        for (int i = 0; i < rows.Count; i++)
        {
            int b = shape[0] == 1 ? 0 : rows[i].BatchRow, t = rows[i].Position;
            if (b >= shape[0] || t >= shape[tokenAxis])
                throw edit.Wrong($"its value has no row {b}, position {t} (shape {Quoted.Shape(shape)})");
            long from = layout.HeadsInRows
                ? (((long)b * layout.Heads + rows[i].Head) * shape[2] + t) * shape[3]
                : ((long)b * shape[1] + t) * layout.Width + columns.Column;
            values.AsSpan(checked((int)from), width).CopyTo(picked.AsSpan(i * width));
        }
        return picked;
    }

    static void RequireRecording(Edit edit, Site site, SiteLayout layout, int[] shape, int leastKeys)
    {
        if (edit.Operation is EditOperation.ProjectOut or EditOperation.Swap)
            throw edit.Wrong($"a direction of {EditSpec.NameOf(edit.Operation)} is one row of numbers");
        int[] here = layout.Shape;
        bool fits = shape.Length == here.Length && shape[0] > 0;
        for (int axis = 1; fits && axis < here.Length; axis++)
            fits = axis == layout.TokenAxis || shape[axis] == here[axis]
                || (axis == 3 && layout.HeadsInRows && shape[3] >= leastKeys);
        if (!fits)
            throw edit.Wrong($"its value has shape {Quoted.Shape(shape)}; {site} has {layout.Describe()}");
    }

    static UserException WrongLength(Edit edit, Site site, long found, string expected) => edit.Wrong(
        $"its value has {Counted.Of(found, "number")}; "
            + $"{site}{(edit.Head is null ? "" : $" head {edit.Head}")} needs {expected}");

    static float[] Unit(Edit edit, float[] values)
    {
        double norm = Math.Sqrt(values.Sum(v => (double)v * v));
        return norm > 0 ? Array.ConvertAll(values, v => (float)(v / norm))
            : throw edit.Wrong($"a direction of {EditSpec.NameOf(edit.Operation)} must not be zero");
    }
}
