using System.Text.Json;
using System.Text.Json.Nodes;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// The folder of a long job: a start record says which call it belongs to, rows and a checkpoint say how far
/// the job is, and a lock keeps a second process out. The same call goes on where it stopped; another call is
/// refused.
/// </summary>
/// <remarks>
/// The order of writes makes a kill at any moment harmless: start record, then rows, then the checkpoint
/// after them, then the results, and the mark that all of it is complete at last. Each file but the rows is
/// written whole or not at all, and rows after the checkpoint are removed when the job goes on.
/// </remarks>
public sealed class RunFolder : IDisposable
{
    /// <summary>The start record of jobs whose <c>manifest.json</c> is written at their end.</summary>
    public const string StartFile = "run.json";

    /// <summary>The start record of jobs whose <c>manifest.json</c> is written at their start.</summary>
    public const string ManifestFile = "manifest.json";

    /// <summary>The lock: there while a process works in the folder.</summary>
    public const string LockFile = "run.lock";

    /// <summary>The checkpoint.</summary>
    public const string CheckpointFile = "checkpoint.safetensors";

    /// <summary>Rows of a training, one a step or epoch.</summary>
    public const string MetricsFile = "metrics.jsonl";

    /// <summary>The hash of the data among the options that may differ.</summary>
    public const string DataHash = "data_hash";

    const string CompleteField = "complete";

    readonly RunLock _lock;
    readonly string _startFile;
    readonly IReadOnlyList<string> _progress, _free;
    readonly IReadOnlyDictionary<string, string> _because;
    Manifest? _record;

    RunFolder(RunLock held, string path, string startFile, IReadOnlyList<string> progress,
        IReadOnlyList<string> free, IReadOnlyDictionary<string, string> because)
    {
        (_lock, Path, _startFile, _progress, _free, _because) =
            (held, path, startFile, progress, free, because);
        ReadRecord();
    }

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>Where its checkpoint is, or will be.</summary>
    public string Checkpoint => At(CheckpointFile);

    /// <summary>Whether it has a checkpoint.</summary>
    public bool HasCheckpoint => File.Exists(Checkpoint);

    /// <summary>Whether a job was carried out to its end here, whichever its free options were.</summary>
    public bool IsMarkedComplete { get; private set; }

    /// <summary>Opens the folder of a job and locks it.</summary>
    /// <param name="path">Made when missing.</param>
    /// <param name="call">What decides the job's result, as far as it is known.</param>
    /// <param name="startFile"><see cref="StartFile"/> or <see cref="ManifestFile"/>.</param>
    /// <param name="progress">Files of which one has content as soon as there is something to lose; null for
    /// the checkpoint and the metrics.</param>
    /// <param name="free">Options that do not change the result so far, as the record names them.</param>
    /// <param name="results">Files that the job writes at its end: where one is and the job has not begun,
    /// the folder is refused, for it would be written over.</param>
    /// <param name="because">Why an option may not differ, by its name, where that is not plain.</param>
    /// <exception cref="UserException">It belongs to another call or other work, another process works in it,
    /// or it cannot be written.</exception>
    public static RunFolder Open(string path, Manifest call, string startFile = StartFile,
        IReadOnlyList<string>? progress = null, IReadOnlyList<string>? free = null,
        IReadOnlyList<string>? results = null, IReadOnlyDictionary<string, string>? because = null)
    {
        RunLock held = RunLock.Take(path, LockFile);
        try
        {
            var folder = new RunFolder(held, path, startFile, progress ?? [CheckpointFile, MetricsFile],
                free ?? [], because ?? new Dictionary<string, string>());
            folder.RequireNone(results ?? []);
            folder.Require(call);
            return folder;
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }

    /// <summary>Refuses a folder that holds files and no start record, before the work.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="startFile">The start record's name.</param>
    /// <param name="job">What the folder should hold, in words.</param>
    /// <exception cref="UserException">It does, or it cannot be written.</exception>
    public static void RequirePlace(string path, string startFile, string job)
    {
        RequireFree(path);
        if (Directory.Exists(path) && !File.Exists(System.IO.Path.Combine(path, startFile)))
        {
            // What a job leaves that is killed before its start record is whole.
            string[] known = [startFile, startFile + ".tmp", LockFile];
            if (Entries(path).Except(known).Any())
                throw new UserException(
                    $"{Quoted.Path(path)}: holds files, and no {startFile} of {job}; expected a new folder");
        }
        AtomicFile.RequireWritable(System.IO.Path.Combine(path, startFile));
    }

    static string[] Entries(string path)
    {
        try
        {
            return [.. Directory.GetFileSystemEntries(path).Select(e => System.IO.Path.GetFileName(e))];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw InputFile.Unreadable(path, e);
        }
    }

    /// <summary>Refuses a folder in which another process works, before the work.</summary>
    /// <exception cref="UserException">One does.</exception>
    public static void RequireFree(string path)
    {
        if (File.Exists(System.IO.Path.Combine(path, LockFile)))
            RunLock.Take(path, LockFile).Dispose();
    }

    /// <summary>A file in the folder.</summary>
    public string At(string file) => System.IO.Path.Combine(Path, file);

    /// <summary>Refuses another call than the folder's; anything is accepted where nothing was done yet.
    /// </summary>
    /// <exception cref="UserException">An option, the model, the data or the seed differs.</exception>
    public void Require(Manifest call)
    {
        ArgumentNullException.ThrowIfNull(call);
        if (_record is not null && (Begun || _record.Command != call.Command))
            Require(_record, _startFile, call);
    }

    /// <summary>Refuses another call than that of a record from elsewhere.</summary>
    /// <param name="record">The record.</param>
    /// <param name="file">Its file's name, for the message.</param>
    /// <param name="call">This call.</param>
    /// <exception cref="UserException">An option, the model, the data or the seed differs.</exception>
    public void Require(Manifest record, string file, Manifest call)
    {
        IReadOnlyList<CallDifference> differing = CallDifference.All(record, call, _free);
        if (differing.Count > 0)
            throw new UserException($"{Quoted.Path(Path)}: belongs to another call: "
                + string.Join("; ", differing.Select(d => $"{d.Name} is {d.There} in its {file} and {d.Here} "
                    + "here" + (Why(d.Name) is { } why ? $" ({why})" : "")))
                + "; expected the same call, or another folder");
    }

    string? Why(string option) => _because.TryGetValue(option, out string? why) ? why
        : option == DataHash ? "what its data files hold has changed" : null;

    /// <summary>Whether the same call was carried out to its end.</summary>
    /// <param name="call">The call.</param>
    /// <param name="free">Options that change nothing about its end; null for none.</param>
    public bool IsComplete(Manifest call, IReadOnlyList<string>? free = null)
    {
        ArgumentNullException.ThrowIfNull(call);
        return IsMarkedComplete && File.Exists(At(ManifestFile))
            && CallDifference.All(_record!, call, free ?? []).Count == 0;
    }

    /// <summary>Writes the start record where it is not there yet. Call it when the whole call is known and
    /// what the folder holds was found to belong to it.</summary>
    /// <exception cref="UserException">The folder belongs to another call, or cannot be written.</exception>
    public void Start(Manifest call)
    {
        Require(call);
        if (_record is not null && CallDifference.All(_record, call, []).Count == 0)
            return;
        call.Write(At(_startFile));
        (_record, IsMarkedComplete) = (call, false);
    }

    /// <summary>Opens a file of rows and removes those after the first <paramref name="keep"/>, and a row
    /// that was cut short.</summary>
    /// <exception cref="UserException">It cannot be written.</exception>
    public JsonlWriter Rows(string file, long keep = long.MaxValue) => JsonlWriter.Append(At(file), keep);

    /// <summary>Writes the checkpoint, after the rows before it are on the disk.</summary>
    /// <exception cref="UserException">It cannot be written.</exception>
    public void Save(JsonlWriter rows, Action<string> checkpoint)
    {
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(checkpoint);
        rows.Flush();
        checkpoint(Checkpoint);
    }

    /// <summary>Marks the job as complete, when all its results are written.</summary>
    /// <exception cref="UserException">The folder cannot be written.</exception>
    public void Finish()
    {
        JsonObject json = (_record ?? throw new InvalidOperationException("not started")).ToJson();
        json[CompleteField] = true;
        AtomicFile.WriteText(At(_startFile), Manifest.Text(json));
        IsMarkedComplete = true;
    }

    /// <summary>Gives the folder free.</summary>
    public void Dispose() => _lock.Dispose();

    void RequireNone(IReadOnlyList<string> results)
    {
        if (_record is null && !Begun && results.FirstOrDefault(f => File.Exists(At(f))) is { } other)
            throw new UserException($"{Quoted.Path(Path)}: has a {other} of other work, and no {_startFile} "
                + "of this call; expected a new folder");
    }

    bool Begun => IsMarkedComplete
        || _progress.Any(file => new FileInfo(At(file)) is { Exists: true, Length: > 0 });

    void ReadRecord()
    {
        string start = At(_startFile);
        if (!File.Exists(start))
            return;
        try
        {
            _record = Manifest.Read(start);
        }
        catch (UserException) when (!Begun)
        {
            return; // nothing is lost: it is written anew
        }
        using JsonDocument json = InputFile.ReadJsonObject(start);
        IsMarkedComplete = json.RootElement.TryGetProperty(CompleteField, out JsonElement complete)
            && complete.ValueKind == JsonValueKind.True;
    }
}
