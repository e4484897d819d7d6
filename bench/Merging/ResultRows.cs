using System.Text.Json;
using HeadTap.Models;

namespace HeadTap.Merging;

/// <summary>A score that was found.</summary>
/// <param name="Seed">Of tasks and trainings.</param>
/// <param name="Among">Names of the tasks that were merged.</param>
/// <param name="Method">Of the merge, or what else was asked.</param>
/// <param name="Setting">Its parameters; empty for the defaults.</param>
/// <param name="Validation">By task.</param>
/// <param name="Test">By task, then the tasks' new questions, then the atlas's own.</param>
/// <param name="Others">Other shares, by name.</param>
sealed record ResultRow(ulong Seed, string Among, string Method, string Setting, double[] Validation,
    double[] Test, Dictionary<string, double>? Others = null);

/// <summary>Rows of a file, each kept as soon as it is found; what is there is not looked for
/// again.</summary>
sealed class ResultRows(string path)
{
    readonly List<ResultRow> _rows = File.Exists(path)
        ? [.. File.ReadLines(path).Select(l => JsonSerializer.Deserialize<ResultRow>(l)!)] : [];

    /// <summary>All rows so far.</summary>
    internal IReadOnlyList<ResultRow> All => _rows;

    /// <summary>Finds a row unless it is there.</summary>
    internal void Add(ulong seed, string among, string method, string setting,
        Func<(TaskScores Scores, Dictionary<string, double>? Others)> find)
    {
        if (_rows.Exists(r => (r.Seed, r.Among, r.Method, r.Setting) == (seed, among, method, setting)))
            return;
        (TaskScores scores, Dictionary<string, double>? others) = find();
        _rows.Add(new ResultRow(seed, among, method, setting, scores.Validation, scores.Test, others));
        AtomicFile.WriteText(path, string.Concat(_rows.Select(r => JsonSerializer.Serialize(r) + "\n")));
    }
}
