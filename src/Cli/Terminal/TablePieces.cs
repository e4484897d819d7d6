using Spectre.Console;
using Spectre.Console.Rendering;

namespace HeadTap.Cli;

/// <summary>
/// Cuts a table that is wider than the terminal into tables below each other: each has the first column,
/// which names the rows, and as many of the others as fit.
/// </summary>
static class TablePieces
{
    // Columns of words that may be wrapped need no more.
    const int ReadableWhenWrapped = 24;

    /// <summary>Returns the table itself if it fits the console.</summary>
    internal static IReadOnlyList<Table> Of(Table table, IAnsiConsole console)
    {
        var options = RenderOptions.Create(console, console.Profile.Capabilities);
        TableRow[] rows = [.. table.Rows];
        int[] widths = [.. table.Columns.Select((column, i) =>
        {
            int whole = rows.Select(r => r[i]).Prepend(column.Header)
                .Max(cell => cell.Measure(options, int.MaxValue).Max);
            return column.NoWrap ? whole : Math.Min(whole, ReadableWhenWrapped);
        })];
        int width = console.Profile.Width;
        if (Width(widths) <= width)
            return [table];
        if (widths.Length == 1)
            return [Piece(table, rows, [0], fits: false)];
        var pieces = new List<Table>();
        for (int next = 1; next < widths.Length;)
        {
            var columns = new List<int> { 0, next++ };
            while (next < widths.Length && Width(columns.Append(next).Select(c => widths[c])) <= width)
                columns.Add(next++);
            pieces.Add(Piece(table, rows, columns, Width(columns.Select(c => widths[c])) <= width));
        }
        return pieces;
    }

    // Borders left and right, one between columns, and a space on both sides of each cell.
    static int Width(IEnumerable<int> columns) => columns.Sum(c => c + 3) + 1;

    static Table Piece(Table table, TableRow[] rows, List<int> columns, bool fits)
    {
        Table piece = new Table().Border(table.Border);
        if (!table.ShowHeaders)
            piece.HideHeaders();
        foreach (int c in columns)
        {
            TableColumn from = table.Columns[c];
            piece.AddColumn(new TableColumn(from.Header)
            {
                Alignment = from.Alignment, Padding = from.Padding,
                NoWrap = fits && from.NoWrap, // a cell wider than the terminal goes on in its next line
            });
        }
        foreach (TableRow row in rows)
            piece.AddRow(columns.Select(c => row[c]));
        return piece;
    }
}
