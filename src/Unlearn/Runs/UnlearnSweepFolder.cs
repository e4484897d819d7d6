using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>
/// The files of a sweep in a <see cref="RunFolder"/>: <c>manifest.json</c> and <c>cells.jsonl</c>, which has
/// one line per cell in the order of completion, and in the plan's order once all are done.
/// </summary>
public sealed class UnlearnSweepFolder : IDisposable
{
    /// <summary>The file of the rows.</summary>
    public const string CellsFile = "cells.jsonl";

    static readonly JsonSerializerOptions s_format = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        RespectRequiredConstructorParameters = true,
        RespectNullableAnnotations = true,
    };

    readonly Lock _gate = new();
    readonly HashSet<int> _done;
    readonly JsonlWriter _rows;
    readonly RunFolder _run;

    UnlearnSweepFolder(RunFolder run, HashSet<int> done, JsonlWriter rows)
        => (_run, _done, _rows) = (run, done, rows);

    /// <summary>Path of the folder.</summary>
    public string Path => _run.Path;

    /// <summary>Number of cells that are done.</summary>
    public int Done
    {
        get
        {
            lock (_gate)
                return _done.Count;
        }
    }

    /// <summary>Checks before the work that a folder can be written, and holds a sweep or nothing.</summary>
    /// <exception cref="UserException">The folder cannot be written, or holds something else.</exception>
    public static void RequirePlace(string path)
        => RunFolder.RequirePlace(path, RunFolder.ManifestFile, "a sweep");

    /// <summary>Starts a sweep, or continues the same one.</summary>
    /// <exception cref="UserException">The folder holds another sweep, another process uses it, or a row is
    /// damaged.</exception>
    public static UnlearnSweepFolder Open(string path, Manifest manifest)
    {
        ArgumentNullException.ThrowIfNull(manifest);
        RunFolder run = RunFolder.Open(path, manifest, RunFolder.ManifestFile, [CellsFile]);
        JsonlWriter? rows = null;
        try
        {
            run.Start(manifest);
            rows = run.Rows(CellsFile); // first: it removes a line that a kill cut short
            return new(run, [.. Read(path).Select(r => r.Cell)], rows);
        }
        catch
        {
            rows?.Dispose();
            run.Dispose();
            throw;
        }
    }

    /// <summary>Returns whether a cell is done.</summary>
    public bool Has(int cell)
    {
        lock (_gate)
            return _done.Contains(cell);
    }

    /// <summary>Adds a cell's row; may be called from any thread.</summary>
    public void Add(SweepRow row)
    {
        ArgumentNullException.ThrowIfNull(row);
        lock (_gate)
            if (_done.Add(row.Cell))
                _rows.Write(row);
    }

    /// <summary>Adds a cell's row as the text that <see cref="JsonlWriter.Line"/> makes of it.</summary>
    /// <exception cref="UserException">It is no row.</exception>
    public void Add(string line)
    {
        int cell = RowOf(line, "a row").Cell;
        lock (_gate)
            if (_done.Add(cell))
                _rows.WriteLine(line);
    }

    /// <summary>Sorts the rows into the plan's order after all cells are done.</summary>
    public void Finish()
    {
        _rows.Dispose();
        string path = _run.At(CellsFile);
        string[] lines = [.. File.ReadLines(path)
            .OrderBy(line => RowOf(line, Quoted.Path(path)).Cell)];
        AtomicFile.WriteText(path, new StringBuilder().AppendJoin('\n', lines).Append('\n').ToString());
    }

    /// <summary>Reads the rows of a sweep, in the plan's order.</summary>
    /// <exception cref="UserException">The folder holds no sweep, or a row is damaged.</exception>
    public static IReadOnlyList<SweepRow> Read(string path)
    {
        string file = System.IO.Path.Combine(path, CellsFile);
        if (!File.Exists(file))
            throw new UserException(
                $"{Quoted.Path(path)}: has no {CellsFile}; expected the folder of a sweep");
        var rows = new List<SweepRow>();
        using var stream = new StreamReader(InputFile.Open(file, FileShare.ReadWrite));
        for (int number = 1; stream.ReadLine() is { } line; number++)
            rows.Add(RowOf(line, $"{Quoted.Path(file)} line {number}"));
        return [.. rows.OrderBy(r => r.Cell)];
    }

    static SweepRow RowOf(string line, string place)
    {
        try
        {
            return JsonSerializer.Deserialize<SweepRow>(line, s_format) ?? throw new JsonException("no row");
        }
        catch (JsonException e)
        {
            throw new UserException($"{place}: damaged ({Quoted.Line(e.Message)})", e);
        }
    }

    /// <summary>Reads the manifest of a sweep.</summary>
    /// <exception cref="UserException">The folder holds no sweep.</exception>
    public static Manifest ReadManifest(string path) => Manifest.Read(
        System.IO.Path.Combine(path, RunFolder.ManifestFile));

    /// <inheritdoc/>
    public void Dispose()
    {
        _rows.Dispose();
        _run.Dispose();
    }
}
