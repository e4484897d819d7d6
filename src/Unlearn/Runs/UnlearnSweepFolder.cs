using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>
/// The files of a sweep: <c>manifest.json</c> and <c>cells.jsonl</c>, a line a cell in the order in which
/// they are done, in the plan's order when all are.
/// </summary>
public sealed class UnlearnSweepFolder : IDisposable
{
    const string Cells = "cells.jsonl", Made = "manifest.json";

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
    readonly string _path;

    UnlearnSweepFolder(string path, HashSet<int> done, JsonlWriter rows)
        => (_path, _done, _rows) = (path, done, rows);

    /// <summary>Cells that are done.</summary>
    public int Done
    {
        get
        {
            lock (_gate)
                return _done.Count;
        }
    }

    /// <summary>Checks a place before the work: it can be written, and holds nothing, or a sweep that is to
    /// go on.</summary>
    /// <exception cref="UserException">It cannot be written, or holds something else.</exception>
    public static void RequirePlace(string path, bool resume)
    {
        string made = Path.Combine(path, Made);
        if (Directory.Exists(path) && Directory.EnumerateFileSystemEntries(path).Any())
            if (!File.Exists(made))
                throw new UserException($"{Quoted.Path(path)}: holds files, and no {Made} of a sweep; "
                    + "expected a new folder");
            else if (!resume)
                throw new UserException($"{Quoted.Path(path)}: holds a sweep; go on with it by --resume, or "
                    + "name a new folder");
        AtomicFile.RequireWritable(made);
    }

    /// <summary>Starts a sweep, or goes on with the same one.</summary>
    /// <exception cref="UserException">The folder holds another sweep, or a row is damaged.</exception>
    public static UnlearnSweepFolder Open(string path, Manifest manifest)
    {
        ArgumentNullException.ThrowIfNull(manifest);
        string made = Path.Combine(path, Made), cells = Path.Combine(path, Cells);
        if (File.Exists(made))
            RequireSame(path, Manifest.Read(made), manifest);
        else
            manifest.Write(made);
        // First: it removes a line that a kill cut short.
        JsonlWriter rows = JsonlWriter.Append(cells);
        try
        {
            return new(path, [.. Read(path).Select(r => r.Cell)], rows);
        }
        catch
        {
            rows.Dispose();
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
        string path = Path.Combine(_path, Cells);
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
    public static Manifest ReadManifest(string path) => Manifest.Read(Path.Combine(path, Made));

    /// <inheritdoc/>
    public void Dispose() => _rows.Dispose();

    static void RequireSame(string path, Manifest found, Manifest wanted)
    {
        string? different = found.Command != wanted.Command ? "another command"
            : !JsonNode.DeepEquals(found.Options, wanted.Options) ? "other options"
            : found.ModelHash != wanted.ModelHash ? "other models"
            : found.DataHash != wanted.DataHash ? "other data"
            : found.Device != wanted.Device || found.Precision != wanted.Precision ? "another device" : null;
        if (different is not null)
            throw new UserException($"{Quoted.Path(path)}: holds results of {different} (its {Made} says "
                + "which); expected a new folder, or the same call to go on");
    }
}
