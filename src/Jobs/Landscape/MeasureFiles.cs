using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Tables and rows that landscape jobs write and read again.</summary>
static class MeasureFiles
{
    /// <summary>The page of a job in its folder.</summary>
    internal const string Page = "report.html";

    static readonly JsonSerializerOptions s_rows = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        RespectRequiredConstructorParameters = true,
        RespectNullableAnnotations = true,
    };

    /// <summary>Writes a table. What is null is an empty field, and NaN is spelt so; no field
    /// needs quotes.</summary>
    /// <exception cref="UserException">The place cannot be written.</exception>
    internal static void WriteCsv(string path, string header, IEnumerable<IReadOnlyList<object?>> rows)
    {
        var csv = new StringBuilder(header).Append('\n');
        foreach (IReadOnlyList<object?> row in rows)
            csv.AppendJoin(',', row.Select(v => Convert.ToString(v, CultureInfo.InvariantCulture)))
                .Append('\n');
        AtomicFile.WriteText(path, csv.ToString());
    }

    /// <summary>Writes numbers as float32, row by row; NaN stays NaN.</summary>
    /// <exception cref="UserException">The place cannot be written.</exception>
    internal static void WriteNpy(string path, ReadOnlySpan<int> shape, IEnumerable<double> numbers)
        => NpyFile.Write(path, shape, numbers.Select(v => (float)v).ToArray());

    /// <summary>Writes a file of rows at once.</summary>
    /// <exception cref="UserException">The place cannot be written.</exception>
    internal static void WriteRows<T>(string path, IEnumerable<T> rows) => AtomicFile.WriteText(path,
        string.Concat(rows.Select(row => JsonSerializer.Serialize(row, s_rows) + "\n")));

    /// <summary>Reads the rows of an unfinished job, after the file was opened to go on with it: a row that
    /// was cut short is gone then.</summary>
    /// <exception cref="UserException">A row is damaged.</exception>
    internal static List<T> ReadRows<T>(string path) where T : class
    {
        List<T> rows = [];
        if (!File.Exists(path))
            return rows;
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var lines = new StreamReader(stream);
        while (lines.ReadLine() is { } line)
            rows.Add(ReadRow<T>(line, $"{Quoted.Path(path)} line {rows.Count + 1}"));
        return rows;
    }

    /// <summary>Returns the text of a row, as <see cref="ReadRow"/> reads it.</summary>
    internal static string RowText<T>(T row) => JsonSerializer.Serialize(row, s_rows);

    /// <summary>Reads a row.</summary>
    /// <param name="line">Its text.</param>
    /// <param name="place">Where it stands, for the message.</param>
    /// <exception cref="UserException">It is damaged.</exception>
    internal static T ReadRow<T>(string line, string place) where T : class
    {
        try
        {
            return JsonSerializer.Deserialize<T>(line, s_rows) ?? throw new JsonException("no row");
        }
        catch (JsonException e)
        {
            throw new UserException($"{place}: damaged ({Quoted.Name(e.Message)}); remove the folder and "
                + "start again", e);
        }
    }
}
