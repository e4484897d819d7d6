namespace HeadTap.Runtime;

/// <summary>Fits an edit's value to the rows it touches.</summary>
static class EditValues
{
    /// <summary>The value as one row of <paramref name="width"/> for all, or as one for each edited row.</summary>
    /// <exception cref="UserException">The value's shape does not fit the site.</exception>
    internal static (float[] Values, bool PerRow) Fit(
        Edit edit, Site site, SiteLayout layout, (float[] Values, int[] Shape) value, List<EditRow> rows, int width)
    {
        (float[] values, int[] shape) = value;
        bool masked = site.Kind == SiteKind.Scores; // its recordings are minus infinity above the diagonal
        if (values.Any(v => !float.IsFinite(v) && !(masked && float.IsNegativeInfinity(v))))
            throw edit.Wrong("its value is not finite");
        if (edit.Operation == EditOperation.Patch || (shape.Length > 1 && values.Length != width))
            return (Pick(edit, site, layout, rows, width, values, shape), true);
        // A row of a pattern may have fewer keys than its batch has columns.
        if (values.Length < width || values.Length > (layout.HeadsInRows ? layout.Unit : width))
            throw edit.Wrong($"its value has {values.Length} numbers; {site}"
                + $"{(edit.Head is null ? "" : $" head {edit.Head}")} needs {width}");
        values = values[..width];
        return edit.Operation == EditOperation.ProjectOut ? (Unit(edit, values), false) : (values, false);
    }

    // Rows of another run's recording [B, T, H, D] or [B, H, T, keys], at the same place. One batch row
    // serves every row of this batch.
    static float[] Pick(
        Edit edit, Site site, SiteLayout layout, List<EditRow> rows, int width, float[] values, int[] shape)
    {
        if (edit.Operation == EditOperation.ProjectOut)
            throw edit.Wrong("a direction to project out is one row of numbers");
        int[] here = layout.Shape;
        int tokenAxis = layout.HeadsInRows ? 2 : 1;
        bool fits = shape.Length == here.Length;
        for (int axis = 1; fits && axis < here.Length; axis++)
            fits = axis == tokenAxis || shape[axis] == here[axis] || (axis == 3 && layout.HeadsInRows && shape[3] >= width);
        if (!fits)
            throw edit.Wrong($"its value has shape {Quoted.Shape(shape)}; {site} has {Quoted.Shape(here)}");
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

    static float[] Unit(Edit edit, float[] values)
    {
        double norm = Math.Sqrt(values.Sum(v => (double)v * v));
        return norm > 0 ? Array.ConvertAll(values, v => (float)(v / norm))
            : throw edit.Wrong("a direction to project out must not be zero");
    }
}
