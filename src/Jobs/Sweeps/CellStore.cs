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
/// and once; whoever writes it, the bytes are the same. Its first line has the SHA-256 of all the rest, so
/// one that a disk or a copy has damaged is found; it counts as none, and the next result takes its place.
/// </summary>
/// <remarks>
/// Every question reads and hashes the whole result. That is no guess, as a remembered length or time would
/// be, and 10,000 results of 20 kB take about a second.
/// </remarks>
/// <param name="folder">Folder of the plan.</param>
/// <param name="hash">Hash of the plan's list, which each result names.</param>
/// <param name="count">Number of cells.</param>
sealed class CellStore(string folder, string hash, int count)
{
    const string Results = "results", Failed = "failed", Claims = "claims";

    /// <summary>Whether a cell is done: its result is there and whole.</summary>
    /// <exception cref="UserException">The result cannot be read.</exception>
    internal bool Has(int cell) => TryRead(cell) is { } bytes && FaultOf(bytes, cell) is null;

    /// <summary>Numbers of the cells that are done, and the cells whose result is damaged, both
    /// ascending.</summary>
    /// <exception cref="UserException">A result cannot be read.</exception>
    internal (int[] Done, IReadOnlyList<DamagedCell> Damaged) Check()
    {
        int[] there = Numbers(Results, ".jsonl");
        int[] open = Open(there, out IReadOnlyList<DamagedCell> damaged);
        return ([.. there.Except(open)], damaged);
    }

    /// <summary>Which of some cells are not done, in their order.</summary>
    /// <param name="cells">Numbers of cells.</param>
    /// <param name="damaged">Those of them whose result is damaged.</param>
    /// <exception cref="UserException">A result cannot be read.</exception>
    internal int[] Open(IReadOnlyList<int> cells, out IReadOnlyList<DamagedCell> damaged)
    {
        const string IsMissing = "";
        string?[] faults = OnCores(cells, cell => TryRead(cell) is { } bytes ? FaultOf(bytes, cell)
            : IsMissing);
        var all = cells.Zip(faults, (cell, fault) => (Cell: cell, Fault: fault)).ToArray();
        damaged = [.. all.Where(c => c.Fault is not (null or IsMissing))
            .Select(c => new DamagedCell(c.Cell, $"{Results}/{c.Cell}.jsonl: {c.Fault}"))];
        return [.. all.Where(c => c.Fault is not null).Select(c => c.Cell)];
    }

    /// <summary>Cells that cannot be computed and why, ascending.</summary>
    /// <exception cref="UserException">A record is damaged.</exception>
    internal IReadOnlyList<FailedCell> Failures()
        => [.. Numbers(Failed, ".json").Where(cell => !Has(cell)).Select(ReadFailure).OfType<FailedCell>()];

    /// <summary>Claims a cell; null if another process has it.</summary>
    /// <exception cref="UserException">The folder cannot be written.</exception>
    internal WorkClaim? TryClaim(int cell) => WorkClaim.TryTake(ClaimFile(cell));

    /// <summary>Who has the claim of a cell, for messages.</summary>
    internal string Holder(int cell) => WorkClaim.Holder(ClaimFile(cell));

    /// <summary>Writes the result of a cell; the first one stays, unless it is damaged.</summary>
    /// <exception cref="UserException">The folder cannot be written.</exception>
    internal void Write(int cell, IReadOnlyList<(string File, string Line)> rows, RunDevice device)
    {
        var body = new StringBuilder();
        foreach ((string file, string line) in rows)
            body.Append("{\"file\":").Append(JsonSerializer.Serialize(file)).Append(",\"row\":").Append(line)
                .Append("}\n");
        string text = body.ToString();
        text = $"{Head(cell, hash, device, rows.Count, Encoding.UTF8.GetBytes(text))}\n{text}";
        if (!AtomicFile.WriteTextOnce(ResultFile(cell), text) && !Has(cell))
        {
            // Two processes may both do this where locks do not reach; both write the same bytes.
            RemoveResult(cell);
            AtomicFile.WriteTextOnce(ResultFile(cell), text);
        }
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
        byte[] bytes = InputFile.ReadAll(file, int.MaxValue);
        if (FaultOf(bytes, cell) is { } fault)
            throw new UserException($"{Quoted.Path(file)}: {fault}; run the cell again");
        string text = Encoding.UTF8.GetString(bytes);
        int end = text.IndexOf('\n', StringComparison.Ordinal);
        return (DeviceOf(JsonNode.Parse(text[..end])!),
            [.. text[(end + 1)..].Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(Row)]);
    }

    /// <summary>The device of the results so far, from one of them; null if there is none.</summary>
    /// <exception cref="UserException">A result cannot be read.</exception>
    internal RunDevice? Device()
    {
        foreach (int cell in Numbers(Results, ".jsonl"))
            if (Has(cell))
                return Read(cell).Device;
        return null;
    }

    // The first line. Its hash is of the line without the hash, and of the rows.
    static string Head(int cell, string plan, RunDevice device, int rows, ReadOnlySpan<byte> body)
    {
        var head = new JsonObject
        {
            ["cell"] = cell, ["plan"] = plan, ["device"] = device.Name, ["precision"] = device.Precision,
            ["rows"] = rows,
        };
        using var sum = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        sum.AppendData(Encoding.UTF8.GetBytes(JsonlWriter.Line(head) + "\n"));
        sum.AppendData(body);
        head["sha256"] = Convert.ToHexStringLower(sum.GetHashAndReset());
        return JsonlWriter.Line(head);
    }

    static RunDevice DeviceOf(JsonNode head) => new((string)head["device"]!, (string)head["precision"]!);

    // What is wrong with the bytes of a result; null for nothing. Its first line must be, byte for byte, the
    // one that is made again from what it says and from the rows.
    string? FaultOf(ReadOnlySpan<byte> bytes, int cell)
    {
        try
        {
            int end = bytes.IndexOf((byte)'\n');
            if (end < 0)
                return "damaged (it is cut)";
            JsonNode head = JsonNode.Parse(bytes[..end]) ?? throw new JsonException("empty");
            string plan = (string?)head["plan"] ?? "";
            string made = Head(cell, plan, DeviceOf(head),
                (int)(head["rows"] ?? throw new JsonException("no rows")), bytes[(end + 1)..]);
            return !bytes[..end].SequenceEqual(Encoding.UTF8.GetBytes(made)) ? "damaged (its hash is another)"
                : plan != hash ? "belongs to another plan" : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException
            or ArgumentException or OverflowException)
        {
            return $"damaged ({Quoted.Line(e.Message)})";
        }
    }

    byte[]? TryRead(int cell)
    {
        string file = ResultFile(cell);
        try
        {
            return File.Exists(file) ? InputFile.ReadAll(file, int.MaxValue) : null;
        }
        catch (UserException) when (!File.Exists(file))
        {
            return null; // it was removed meanwhile
        }
    }

    // In the order of the cells. A shared file system answers many questions at once.
    static T[] OnCores<T>(IReadOnlyList<int> cells, Func<int, T> of)
    {
        try
        {
            return [.. cells.AsParallel().AsOrdered().Select(of)];
        }
        catch (AggregateException e) when (e.InnerExceptions is [UserException first, ..])
        {
            throw new UserException(first.Message, first);
        }
    }

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

    void RemoveResult(int cell)
    {
        try
        {
            File.Delete(ResultFile(cell));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserException($"{Quoted.Path(ResultFile(cell))}: is damaged and cannot be removed "
                + $"({Quoted.Line(e.Message)}). Check its permissions.", e);
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

    string ResultFile(int cell) => Path.Combine(folder, Results, $"{cell}.jsonl");

    string FailedFile(int cell) => Path.Combine(folder, Failed, $"{cell}.json");

    string ClaimFile(int cell) => Path.Combine(folder, Claims, $"{cell}");
}
