using System.Diagnostics;
using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Cli;

/// <summary>
/// Writes progress into the file that the variable <c>HEADTAP_PROGRESS_FILE</c> names, at most twice a
/// second: a server shows it of its jobs.
/// </summary>
sealed class ProgressFile
{
    const string Variable = "HEADTAP_PROGRESS_FILE";

    static readonly TimeSpan s_pause = TimeSpan.FromSeconds(0.5);

    readonly string _path;
    long? _written;

    ProgressFile(string path) => _path = path;

    /// <summary>The file of this process; null if nobody asks for one.</summary>
    internal static ProgressFile? OfProcess()
        => Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } path ? new(path) : null;

    internal void Write(JobProgress at)
    {
        if (_written is { } before && Stopwatch.GetElapsedTime(before) < s_pause)
            return;
        _written = Stopwatch.GetTimestamp();
        try
        {
            AtomicFile.WriteText(_path, new JsonObject
            {
                ["stage"] = at.Title, ["share"] = double.IsFinite(at.Share) ? at.Share : 0,
                ["note"] = at.Note,
            }.ToJsonString());
        }
        catch (UserException)
        {
            // the work goes on without
        }
    }
}
