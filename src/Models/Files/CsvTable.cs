using CsvHelper;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// A CSV file whose first row names its columns (RFC 4180, UTF-8; fields are not trimmed). In a file whose
/// name ends in <c>.tsv</c> tabs stand in place of commas.
/// </summary>
public sealed class CsvTable
{
    readonly int[] _lines;
    readonly string[][] _rows;

    CsvTable(string path, string[] header, string[][] rows, int[] lines) =>
        (Path, Header, _rows, _lines) = (path, header, rows, lines);

    /// <summary>Path of the file, for messages.</summary>
    public string Path { get; }

    /// <summary>Names of the columns; the name of an index column is empty.</summary>
    public IReadOnlyList<string> Header { get; }

    /// <summary>Fields of each row, with their blanks.</summary>
    public IReadOnlyList<IReadOnlyList<string>> Rows => _rows;

    /// <summary>Reads a CSV file.</summary>
    /// <param name="path">Path of the file.</param>
    /// <param name="ragged">Whether a row may have fewer fields than the header; missing ones are
    /// empty.</param>
    /// <exception cref="UserException">The file cannot be read, is not UTF-8, is empty, has two columns of
    /// the same name, a misplaced quote, or a row of another length; the message names the line.</exception>
    public static CsvTable Read(string path, bool ragged = false)
    {
        string text = TextDocuments.ReadText(path);
        try
        {
            using CsvReader reader = CsvReader.FromText(text, new CsvReaderOptions
            {
                Separator = Ending(path) == ".tsv" ? '\t' : ',',
                TrackLineNumbers = true,
                MalformedData = CsvMalformedDataHandling.Throw,
            });
            reader.ReadHeader();
            string[] header = [.. reader.Headers];
            if (header.Length == 0)
                throw new UserException($"{Quoted.Path(path)}: the file is empty; expected a row that names "
                    + "the columns");
            if (header.GroupBy(name => name).FirstOrDefault(g => g.Count() > 1) is { } twice)
                throw new UserException($"{Quoted.Path(path)}: two columns are named "
                    + $"{Quoted.Name(twice.Key)}; expected one");
            return ReadRows(path, ragged, reader, header);
        }
        catch (CsvFormatException e)
        {
            throw new UserException($"{Quoted.Path(path)}: line {e.LineNumber} is not valid CSV "
                + $"({Quoted.Line(e.Message)})", e);
        }
    }

    static string Ending(string path) => System.IO.Path.GetExtension(path).ToLowerInvariant();

    /// <summary>Returns the file and line where a row begins, such as "pairs.csv line 3".</summary>
    /// <param name="row">Row from 0, without the header.</param>
    public string Place(int row) => $"{Quoted.Path(Path)} line {_lines[row]}";

    /// <summary>Returns the index of the first column with one of these names; -1 if there is none.</summary>
    public int Find(params ReadOnlySpan<string> names)
    {
        for (int i = 0; i < Header.Count; i++)
            if (names.Contains(Header[i]))
                return i;
        return -1;
    }

    /// <summary>Returns a column as numbers.</summary>
    /// <exception cref="UserException">There is no such column, or a field is not a number.</exception>
    public double[] Numbers(string column)
    {
        int at = Find(column);
        if (at < 0)
            throw Missing([column]);
        return [.. _rows.Select((row, i) => double.TryParse(row[at], out double number) ? number
            : throw new UserException($"{Place(i)}: {Quoted.Name(column)} is {Quoted.Name(row[at])}; "
                + "expected a number"))];
    }

    /// <summary>Returns the error that names the missing and the existing columns.</summary>
    public UserException Missing(IEnumerable<string> columns) => new(
        $"{Quoted.Path(Path)}: no column {string.Join(", ", columns)}; the file has "
        + string.Join(", ", Header.Take(12).Select(Quoted.Name))
        + (Header.Count > 12 ? $" and {Header.Count - 12} more" : ""));

    static CsvTable ReadRows(string path, bool ragged, CsvReader reader, string[] header)
    {
        var rows = new List<string[]>();
        var lines = new List<int>();
        while (reader.Read())
        {
            int count = reader.FieldCount;
            if (count > header.Length || (count < header.Length && !ragged))
                throw new UserException($"{Quoted.Path(path)} line {reader.LineNumber}: "
                    + $"{Counted.Of(count, "field")}; expected {header.Length}, as the first row names");
            var row = new string[header.Length];
            for (int i = 0; i < row.Length; i++)
                row[i] = i < count ? reader.GetString(i) : "";
            rows.Add(row);
            lines.Add((int)reader.LineNumber);
        }
        return new(path, header, [.. rows], [.. lines]);
    }
}
