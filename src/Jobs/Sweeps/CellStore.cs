using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>
/// What was computed of a plan: <c>results/K.jsonl</c> for each cell that is done, <c>failed/K.json</c> for
/// each that cannot be computed, and <c>claims/K</c> while a process works on it. A result is written whole
/// and once; whoever writes it, the bytes are the same.
/// </summary>
/// <param name="folder">Folder of the plan.</param>
/// <param name="hash">Hash of the plan's list, which each result names.</param>
/// <param name="count">Number of cells.</param>
sealed class CellStore(string folder, string hash, int count)
{
    const string Results = "results", Failed = "failed", Claims = "claims";

    /// <summary>Whether a cell is done.</summary>
    internal bool Has(int cell) => File.Exists(ResultFile(cell));

    /// <summary>Numbers of the cells that are done, ascending.</summary>
    internal int[] Done() => Numbers(Results, ".jsonl");

    /// <summary>Cells that cannot be computed and why, ascending.</summary>
    /// <exception cref="UserException">A record is damaged.</exception>
    internal IReadOnlyList<FailedCell> Failures()
        => [.. Numbers(Failed, ".json").Where(cell => !Has(cell)).Select(ReadFailure).OfType<FailedCell>()];

    /// <summary>Claims a cell; null if another process has it.</summary>
    /// <exception cref="UserException">The folder cannot be written.</exception>
    internal WorkClaim? TryClaim(int cell) => WorkClaim.TryTake(ClaimFile(cell));

    /// <summary>Who has the claim of a cell, for messages.</summary>
    internal string Holder(int cell) => WorkClaim.Holder(ClaimFile(cell));

    /// <summary>Writes the result of a cell; the first one stays.</summary>
    /// <exception cref="UserException">The folder cannot be written.</exception>
    internal void Write(int cell, IReadOnlyList<(string File, string Line)> rows, RunDevice device)
    {
        var body = new StringBuilder();
        foreach ((string file, string line) in rows)
            body.Append("{\"file\":").Append(JsonSerializer.Serialize(file)).Append(",\"row\":").Append(line)
                .Append("}\n");
        string head = JsonlWriter.Line(new JsonObject
        {
            ["cell"] = cell, ["plan"] = hash, ["device"] = device.Name, ["precision"] = device.Precision,
            ["rows"] = rows.Count, ["sha256"] = HashOf(body.ToString()),
        });
        AtomicFile.WriteTextOnce(ResultFile(cell), $"{head}\n{body}");
        RemoveFailure(cell);
    }

    /// <summary>Notes that a cell cannot be computed.</summary>
    /// <exception cref="UserException">The folder cannot be written.</exception>
    internal void Fail(int cell, string message) => AtomicFile.WriteText(FailedFile(cell),
        JsonlWriter.Line(new JsonObject { ["cell"] = cell, ["message"] = message }) + "\n");

    /// <summary>Reads the result of a cell.</summary>
    /// <exception cref="UserException">It is missing, damaged, or belongs to another plan.</exception>
    internal (RunDevice Device, IReadOnlyList<(string File, string Line)> Rows) Read(int cell)
    {
        string file = ResultFile(cell);
        string text = Encoding.UTF8.GetString(InputFile.ReadAll(file, int.MaxValue));
        try
        {
            int end = text.IndexOf('\n', StringComparison.Ordinal);
            JsonNode head = JsonNode.Parse(end < 0 ? text : text[..end]) ?? throw new JsonException("empty");
            string body = text[(end + 1)..];
            if ((string?)head["sha256"] != HashOf(body) || (int?)head["cell"] != cell)
                throw new JsonException("its hash is another");
            if ((string?)head["plan"] != hash)
                throw new UserException($"{Quoted.Path(file)}: belongs to another plan; remove it and run "
                    + "the cell again");
            return (new((string)head["device"]!, (string)head["precision"]!),
                [.. body.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(Row)]);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException
            or KeyNotFoundException or ArgumentException)
        {
            throw new UserException($"{Quoted.Path(file)}: damaged ({Quoted.Line(e.Message)}); remove it and "
                + "run the cell again", e);
        }
    }

    /// <summary>The device of the results so far, from one of them; null if there is none.</summary>
    internal RunDevice? Device() => Done() is [int first, ..] ? Read(first).Device : null;

    static (string, string) Row(string line)
    {
        using JsonDocument json = JsonDocument.Parse(line);
        return (json.RootElement.GetProperty("file").GetString()!,
            json.RootElement.GetProperty("row").GetRawText());
    }

    FailedCell? ReadFailure(int cell)
    {
        try
        {
            using JsonDocument json = InputFile.ReadJsonObject(FailedFile(cell));
            return new(cell, json.RootElement.GetProperty("message").GetString() ?? "");
        }
        catch (Exception e) when (e is KeyNotFoundException or InvalidOperationException)
        {
            throw new UserException($"{Quoted.Path(FailedFile(cell))}: damaged; remove it", e);
        }
        catch (UserException) when (!File.Exists(FailedFile(cell)))
        {
            return null; // the cell was done meanwhile
        }
    }

    void RemoveFailure(int cell)
    {
        try
        {
            File.Delete(FailedFile(cell));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A cell that is done counts as done.
        }
    }

    int[] Numbers(string part, string ending)
    {
        string place = Path.Combine(folder, part);
        if (!Directory.Exists(place))
            return [];
        try
        {
            return
            [
                .. Directory.EnumerateFiles(place, "*" + ending).Select(f => Path.GetFileName(f)!)
                    .Select(name => int.TryParse(name[..^ending.Length], NumberStyles.None,
                        CultureInfo.InvariantCulture, out int cell) ? cell : -1)
                    .Where(cell => cell >= 0 && cell < count).Order(),
            ];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserException($"{Quoted.Path(place)}: cannot be read ({Quoted.Line(e.Message)}). Check "
                + "its permissions.", e);
        }
    }

    static string HashOf(string text)
        => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    string ResultFile(int cell) => Path.Combine(folder, Results, $"{cell}.jsonl");

    string FailedFile(int cell) => Path.Combine(folder, Failed, $"{cell}.json");

    string ClaimFile(int cell) => Path.Combine(folder, Claims, $"{cell}");
}
