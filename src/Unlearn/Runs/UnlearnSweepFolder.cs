using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>
/// The files of a sweep in a <see cref="RunFolder"/>: <c>manifest.json</c> and <c>cells.jsonl</c>, a line a
/// cell in the order in which they are done, in the plan's order when all are.
/// </summary>
public sealed class UnlearnSweepFolder : IDisposable
{
    const string Cells = "cells.jsonl";

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

    /// <summary>Cells that are done.</summary>
    public int Done
    {
        get
        {
            lock (_gate)
                return _done.Count;
        }
    }

    /// <summary>Checks a place before the work: it can be written, and holds a sweep or nothing.</summary>
    /// <exception cref="UserException">It cannot be written, or holds something else.</exception>
    public static void RequirePlace(string path)
        => RunFolder.RequirePlace(path, RunFolder.ManifestFile, "a sweep");

    /// <summary>Starts a sweep, or goes on with the same one.</summary>
    /// <exception cref="UserException">The folder holds another sweep, another process works in it, or a row
    /// is damaged.</exception>
    public static UnlearnSweepFolder Open(string path, Manifest manifest)
    {
        ArgumentNullException.ThrowIfNull(manifest);
        RunFolder run = RunFolder.Open(path, manifest, RunFolder.ManifestFile, [Cells]);
        JsonlWriter? rows = null;
        try
        {
            run.Start(manifest);
            rows = run.Rows(Cells); // first: it removes a line that a kill cut short
            return new(run, [.. Read(path).Select(r => r.Cell)], rows);
        }
        catch
        {
            rows?.Dispose();
            run.Dispose();
            throw;
        }
    }

    /// <summary>Whether a cell is done.</summary>
    public bool Has(int cell)
    {
        lock (_gate)
            return _done.Contains(cell);
    }

    /// <summary>Adds a cell; from any thread.</summary>
    public void Add(SweepRow row)
    {
        ArgumentNullException.ThrowIfNull(row);
        lock (_gate)
            if (_done.Add(row.Cell))
                _rows.Write(row);
    }

    /// <summary>Puts the rows into the plan's order, when all are there.</summary>
    public void Finish()
    {
        _rows.Dispose();
        string path = _run.At(Cells);
        string[] lines = [.. File.ReadLines(path)
            .OrderBy(line => JsonSerializer.Deserialize<SweepRow>(line, s_format)!.Cell)];
        AtomicFile.WriteText(path, new StringBuilder().AppendJoin('\n', lines).Append('\n').ToString());
    }

    /// <summary>All rows of a sweep that are done.</summary>
    /// <exception cref="UserException">The folder holds none, or a row is damaged.</exception>
    public static IReadOnlyList<SweepRow> Read(string path)
    {
        string file = Path.Combine(path, Cells);
        if (!File.Exists(file))
            throw new UserException($"{Quoted.Path(path)}: has no {Cells}; expected the folder of a sweep");
        var rows = new List<SweepRow>();
        using var stream = new StreamReader(new FileStream(
            file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        for (int number = 1; stream.ReadLine() is { } line; number++)
            try
            {
                rows.Add(JsonSerializer.Deserialize<SweepRow>(line, s_format)
                    ?? throw new JsonException("no row"));
            }
            catch (JsonException e)
            {
                throw new UserException(
                    $"{Quoted.Path(file)} line {number}: damaged ({Quoted.Line(e.Message)})", e);
            }
        return [.. rows.OrderBy(r => r.Cell)];
    }

    /// <summary>What made a sweep.</summary>
    /// <exception cref="UserException">The folder holds none.</exception>
    public static Manifest ReadManifest(string path) => Manifest.Read(
        Path.Combine(path, RunFolder.ManifestFile));

    /// <inheritdoc/>
    public void Dispose()
    {
        _rows.Dispose();
        _run.Dispose();
    }
}
