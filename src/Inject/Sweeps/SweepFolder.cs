using System.Text.Json;
using System.Text.Json.Serialization;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Inject;

/// <summary>
/// Writes and reads the files of a sweep in a <see cref="RunFolder"/>: <c>prompts.jsonl</c> with one row per
/// pair, <c>cells.jsonl</c> with one row per pair and cell, and <c>manifest.json</c>. A pair is done when its
/// row is in <c>prompts.jsonl</c>, which is written after its cells. Cells of an unfinished pair are removed
/// when the sweep is opened again.
/// </summary>
public sealed class SweepFolder : IDisposable
{
    const int LongestLine = 1 << 20;
    const string Prompts = "prompts.jsonl", Cells = "cells.jsonl";

    static readonly JsonSerializerOptions RowFormat = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectRequiredConstructorParameters = true,
        RespectNullableAnnotations = true,
    };

    readonly RunFolder _run;
    readonly SweepGrid _grid;
    readonly IReadOnlyList<SweepCell> _cells;
    readonly JsonlWriter _promptRows, _cellRows;

    SweepFolder(RunFolder run, SweepGrid grid, JsonlWriter prompts, JsonlWriter cellRows)
        => (_run, _grid, _cells, _promptRows, _cellRows) = (run, grid, grid.Cells, prompts, cellRows);

    /// <summary>Path of the folder.</summary>
    public string Path => _run.Path;

    /// <summary>Number of pairs that are done.</summary>
    public int Done => checked((int)_promptRows.Rows);

    /// <summary>Starts a sweep in an empty or missing folder, or continues the same sweep.</summary>
    /// <param name="path">Path of the folder.</param>
    /// <param name="grid">Cells of the sweep.</param>
    /// <param name="manifest">Everything that determines the results.</param>
    /// <exception cref="UserException">The folder holds something else, or another process works in it.
    /// </exception>
    public static SweepFolder Open(string path, SweepGrid grid, Manifest manifest)
    {
        ArgumentNullException.ThrowIfNull(grid);
        ArgumentNullException.ThrowIfNull(manifest);
        RequirePlace(path);
        RunFolder run = RunFolder.Open(path, manifest, RunFolder.ManifestFile, [Prompts]);
        JsonlWriter? prompts = null, rows = null;
        try
        {
            run.Start(manifest);
            int cells = grid.Cells.Count;
            prompts = run.Rows(Prompts);
            rows = run.Rows(Cells, prompts.Rows * cells);
            return rows.Rows == prompts.Rows * cells ? new(run, grid, prompts, rows)
                : throw new UserException($"{Quoted.Path(path)}: {Cells} has {Counted.Of(rows.Rows, "row")} "
                    + $"where {Prompts} stands for {prompts.Rows * cells}; expected a new folder");
        }
        catch
        {
            rows?.Dispose();
            prompts?.Dispose();
            run.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Checks, before any work, that the folder can be written and holds a sweep or nothing.
    /// </summary>
    /// <exception cref="UserException">The folder holds something else, or it cannot be written.</exception>
    public static void RequirePlace(string path)
        => RunFolder.RequirePlace(path, RunFolder.ManifestFile, "a sweep");

    /// <summary>Writes the rows of the next pair.</summary>
    public void Add(EncodedPair pair, SweptPair swept) => Add(RowsOf(Done, _grid, pair, swept));

    /// <summary>Writes the rows of the next pair, which were made elsewhere.</summary>
    /// <param name="rows">Rows of <see cref="RowsOf"/> for the pair number <see cref="Done"/>.</param>
    public void Add(IReadOnlyList<(string File, string Line)> rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        foreach ((string file, string line) in rows)
            (file == Prompts ? _promptRows : _cellRows).WriteLine(line);
    }

    /// <summary>Returns the rows of a pair, each with the name of its file; the one that says that the pair
    /// is done comes last.</summary>
    /// <param name="index">Number of the pair in the sweep, from 0.</param>
    /// <param name="grid">Cells of the sweep.</param>
    /// <param name="pair">The pair.</param>
    /// <param name="swept">Its results.</param>
    public static IReadOnlyList<(string File, string Line)> RowsOf(
        int index, SweepGrid grid, EncodedPair pair, SweptPair swept)
    {
        ArgumentNullException.ThrowIfNull(grid);
        ArgumentNullException.ThrowIfNull(pair);
        ArgumentNullException.ThrowIfNull(swept);
        return [.. grid.Cells.Select((cell, i)
                => (Cells, JsonlWriter.Line(SweptCell.Of(index, cell, swept.Cells[i])))),
            (Prompts, JsonlWriter.Line(SweptPrompt.Of(index, pair, swept)))];
    }

    /// <summary>Reads all pairs that are done from the files.</summary>
    /// <exception cref="UserException">A row is damaged.</exception>
    public IEnumerable<(SweptPrompt Prompt, IReadOnlyList<SweptCell> Cells)> Read()
    {
        using IEnumerator<SweptCell> cells = Rows<SweptCell>(Cells).GetEnumerator();
        foreach (SweptPrompt prompt in Rows<SweptPrompt>(Prompts))
        {
            var found = new SweptCell[_cells.Count];
            for (int i = 0; i < found.Length; i++)
                found[i] = cells.MoveNext() && cells.Current.Prompt == prompt.Prompt ? cells.Current
                    : throw new UserException(
                        $"{Quoted.Path(Path)}: {Cells} has not the cells of prompt {prompt.Prompt}");
            yield return (prompt, found);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _promptRows.Dispose();
        _cellRows.Dispose();
        _run.Dispose();
    }

    IEnumerable<T> Rows<T>(string file) where T : class
    {
        int number = 0;
        string path = _run.At(file);
        foreach (string line in File.ReadLines(path))
        {
            number++;
            T? row;
            try
            {
                row = line.Length > LongestLine ? null : JsonSerializer.Deserialize<T>(line, RowFormat);
            }
            catch (JsonException e)
            {
                throw new UserException(
                    $"{Quoted.Path(path)} line {number}: damaged ({Quoted.Name(e.Message)})", e);
            }
            yield return row ?? throw new UserException($"{Quoted.Path(path)} line {number}: no row");
        }
    }
}
