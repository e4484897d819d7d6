using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>Fits an edit's value to the rows it touches.</summary>
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
        int most = edit.Head is null || layout.HeadsInRows ? layout.Width : layout.Unit;
        int least = layout.HeadsInRows ? 1 : most;
        bool row = edit.Operation != EditOperation.Patch
            && (shape.Length <= 1 || (length >= least && length <= most));
        if (!row)
            RequireRecording(edit, site, layout, shape, least);
        else if (length < least || length > most)
            throw WrongLength(edit, site, length, layout.HeadsInRows ? $"{least} to {most}" : $"{most}");
    }

    /// <summary>
    /// The value as one row of <paramref name="width"/> for all, or as one for each edited row.
    /// </summary>
    /// <exception cref="UserException">The value's shape does not fit the site.</exception>
    internal static (float[] Values, bool PerRow) Fit(
        Edit edit, Site site, SiteLayout layout, (float[] Values, int[] Shape) value,
        List<EditRow> rows, int width)
    {
        (float[] values, int[] shape) = value;
        bool masked = site.Kind == SiteKind.Scores; // its recordings are minus infinity above the diagonal
        if (!FiniteNumbers.All(values) && FiniteNumbers.Describe([.. shape], values.Length, masked,
            (start, piece) => values.AsSpan((int)start, piece.Length).CopyTo(piece)) is { } what)
            throw edit.Wrong($"its value is not finite: it {what}");
        if (edit.Operation == EditOperation.Patch || (shape.Length > 1 && values.Length != width))
            return (Pick(edit, site, layout, rows, width, values, shape), true);
        // A row of a pattern may have fewer keys than its batch has columns.
        if (values.Length < width || values.Length > (layout.HeadsInRows ? layout.Unit : width))
            throw WrongLength(edit, site, values.Length, $"{width}");
        values = values[..width];
        return edit.Operation == EditOperation.ProjectOut ? (Unit(edit, values), false) : (values, false);
    }

    // Rows of another run's recording [B, T, H, D] or [B, H, T, keys], at the same place. One batch row
    // serves every row of this batch.
    static float[] Pick(
        Edit edit, Site site, SiteLayout layout, List<EditRow> rows, int width, float[] values, int[] shape)
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
                : ((long)b * shape[1] + t) * layout.Width + (edit.Head ?? 0) * layout.Unit;
            values.AsSpan(checked((int)from), width).CopyTo(picked.AsSpan(i * width));
        }
        return picked;
    }

    static void RequireRecording(Edit edit, Site site, SiteLayout layout, int[] shape, int leastKeys)
    {
        if (edit.Operation == EditOperation.ProjectOut)
            throw edit.Wrong("a direction to project out is one row of numbers");
        int[] here = layout.Shape;
        bool fits = shape.Length == here.Length && shape[0] > 0;
        for (int axis = 1; fits && axis < here.Length; axis++)
            fits = axis == layout.TokenAxis || shape[axis] == here[axis]
                || (axis == 3 && layout.HeadsInRows && shape[3] >= leastKeys);
        if (!fits)
            throw edit.Wrong($"its value has shape {Quoted.Shape(shape)}; {site} has {layout.Describe()}");
    }

    static UserException WrongLength(Edit edit, Site site, long found, string expected) => edit.Wrong(
        $"its value has {found} numbers; {site}{(edit.Head is null ? "" : $" head {edit.Head}")} "
        + $"needs {expected}");

    static float[] Unit(Edit edit, float[] values)
    {
        double norm = Math.Sqrt(values.Sum(v => (double)v * v));
        return norm > 0 ? Array.ConvertAll(values, v => (float)(v / norm))
            : throw edit.Wrong("a direction to project out must not be zero");
    }
}
