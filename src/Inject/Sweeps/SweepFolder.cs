using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Inject;

/// <summary>
/// The files of a sweep: <c>prompts.jsonl</c> with a row for each pair, <c>cells.jsonl</c> with one for each
/// pair and cell, <c>manifest.json</c>. A pair counts once its row is in <c>prompts.jsonl</c>, which is
/// written after its cells; what a killed run left over is removed when the sweep goes on.
/// </summary>
public sealed class SweepFolder : IDisposable
{
    const int LongestLine = 1 << 20;

    static readonly JsonSerializerOptions RowFormat = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectRequiredConstructorParameters = true,
        RespectNullableAnnotations = true,
    };

    readonly IReadOnlyList<SweepCell> _cells;
    readonly JsonlWriter _promptRows, _cellRows;

    SweepFolder(string path, IReadOnlyList<SweepCell> cells, JsonlWriter prompts, JsonlWriter cellRows)
        => (Path, _cells, _promptRows, _cellRows) = (path, cells, prompts, cellRows);

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>Pairs that are done.</summary>
    public int Done => checked((int)_promptRows.Rows);

    /// <summary>Starts a sweep in an empty or missing folder, or goes on with the same sweep.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="grid">The cells.</param>
    /// <param name="manifest">What decides the results.</param>
    /// <exception cref="UserException">The folder holds something else.</exception>
    public static SweepFolder Open(string path, SweepGrid grid, Manifest manifest)
    {
        ArgumentNullException.ThrowIfNull(grid);
        ArgumentNullException.ThrowIfNull(manifest);
        RequirePlace(path);
        string made = System.IO.Path.Combine(path, "manifest.json");
        Manifest? found = File.Exists(made) ? Manifest.Read(made) : null;
        bool begun = new FileInfo(System.IO.Path.Combine(path, "prompts.jsonl")) is
            { Exists: true, Length: > 0 };
        // Of a sweep that failed at its first pair nothing is lost.
        if (found is not null && (begun || found.Command != manifest.Command))
            RequireSame(path, found, manifest);
        else
            manifest.Write(made);
        IReadOnlyList<SweepCell> cells = grid.Cells;
        JsonlWriter prompts = JsonlWriter.Append(System.IO.Path.Combine(path, "prompts.jsonl"));
        try
        {
            JsonlWriter rows = JsonlWriter.Append(
                System.IO.Path.Combine(path, "cells.jsonl"), prompts.Rows * cells.Count);
            if (rows.Rows == prompts.Rows * cells.Count)
                return new(path, cells, prompts, rows);
            rows.Dispose();
            throw new UserException($"{Quoted.Path(path)}: cells.jsonl has {rows.Rows} rows where "
                + $"prompts.jsonl stands for {prompts.Rows * cells.Count}; expected a new folder");
        }
        catch
        {
            prompts.Dispose();
            throw;
        }
    }

    /// <summary>Checks a place before the work: it can be written, and holds a sweep or nothing.</summary>
    /// <exception cref="UserException">It holds something else, or cannot be written.</exception>
    public static void RequirePlace(string path)
    {
        string made = System.IO.Path.Combine(path, "manifest.json");
        if (!File.Exists(made) && Directory.Exists(path) && Directory.EnumerateFileSystemEntries(path).Any())
            throw new UserException(
                $"{Quoted.Path(path)}: holds files, and no manifest.json of a sweep; expected a new folder");
        AtomicFile.RequireWritable(made);
    }

    /// <summary>Adds the next pair.</summary>
    public void Add(EncodedPair pair, SweptPair swept)
    {
        ArgumentNullException.ThrowIfNull(pair);
        ArgumentNullException.ThrowIfNull(swept);
        int index = Done;
        for (int i = 0; i < _cells.Count; i++)
            _cellRows.Write(SweptCell.Of(index, _cells[i], swept.Cells[i]));
        _promptRows.Write(SweptPrompt.Of(index, pair, swept));
    }

    /// <summary>All pairs that are done, from the files.</summary>
    /// <exception cref="UserException">A row is damaged.</exception>
    public IEnumerable<(SweptPrompt Prompt, IReadOnlyList<SweptCell> Cells)> Read()
    {
        using IEnumerator<SweptCell> cells = Rows<SweptCell>("cells.jsonl").GetEnumerator();
        foreach (SweptPrompt prompt in Rows<SweptPrompt>("prompts.jsonl"))
        {
            var found = new SweptCell[_cells.Count];
            for (int i = 0; i < found.Length; i++)
                found[i] = cells.MoveNext() && cells.Current.Prompt == prompt.Prompt ? cells.Current
                    : throw new UserException(
                        $"{Quoted.Path(Path)}: cells.jsonl has not the cells of prompt {prompt.Prompt}");
            yield return (prompt, found);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _promptRows.Dispose();
        _cellRows.Dispose();
    }

    IEnumerable<T> Rows<T>(string file) where T : class
    {
        int number = 0;
        string path = System.IO.Path.Combine(Path, file);
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

    static void RequireSame(string path, Manifest found, Manifest wanted)
    {
        string? different =
            found.Command != wanted.Command ? "another command"
            : !JsonNode.DeepEquals(found.Options, wanted.Options) ? "other options"
            : found.ModelHash != wanted.ModelHash ? "another model"
            : found.DataHash != wanted.DataHash ? "other data"
            : found.Device != wanted.Device || found.Precision != wanted.Precision ? "another device"
            : null;
        if (different is not null)
            throw new UserException($"{Quoted.Path(path)}: holds results of {different} (its manifest.json "
                + "says which); expected a new folder, or the same call to go on");
    }
}
