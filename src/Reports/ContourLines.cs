namespace HeadTap.Reports;

/// <summary>Pieces of the line on which a field has a value: marching squares, linear along the
/// edges.</summary>
static class ContourLines
{
    /// <summary>The pieces, in the units of the field's axes. A cell with a corner that is not finite has
    /// none.</summary>
    internal static IReadOnlyList<((double X, double Y) From, (double X, double Y) To)> Of(
        ChartField field, double level)
    {
        var pieces = new List<((double X, double Y), (double X, double Y))>();
        Span<(double X, double Y)> cuts = stackalloc (double X, double Y)[4];
        for (int row = 0; row + 1 < field.Y.Count; row++)
            for (int column = 0; column + 1 < field.X.Count; column++)
            {
                int count = Cuts(field, column, row, level, cuts);
                if (count == 2)
                    pieces.Add((cuts[0], cuts[1]));
                else if (count == 4) // a saddle: its lower left and upper right corners are cut off
                    pieces.AddRange([(cuts[0], cuts[3]), (cuts[1], cuts[2])]);
            }
        return pieces;
    }

    // Where the edges of a cell meet the level: bottom, right, top, left.
    static int Cuts(ChartField field, int column, int row, double level, Span<(double X, double Y)> cuts)
    {
        ReadOnlySpan<(int C, int R)> corners =
            [(column, row), (column + 1, row), (column + 1, row + 1), (column, row + 1)];
        int count = 0;
        for (int i = 0; i < 4; i++)
        {
            ((int C, int R) p, (int C, int R) q) = (corners[i], corners[(i + 1) % 4]);
            (double a, double b) = (field[p.C, p.R], field[q.C, q.R]);
            if (!double.IsFinite(a) || !double.IsFinite(b))
                return 0;
            if (a > level == b > level)
                continue;
            double t = (level - a) / (b - a);
            cuts[count++] = (field.X[p.C] + t * (field.X[q.C] - field.X[p.C]),
                field.Y[p.R] + t * (field.Y[q.R] - field.Y[p.R]));
        }
        return count;
    }
}
