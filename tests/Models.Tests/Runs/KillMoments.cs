using System.Text.Json;
using System.Text.Json.Nodes;

namespace HeadTap.Models.Tests;

/// <summary>
/// What a killed process leaves of a job's folder, made from the folder of a whole run and from that of one
/// that stopped with a checkpoint.
/// </summary>
static class KillMoments
{
    static readonly JsonSerializerOptions s_indented = new() { WriteIndented = true };

    /// <summary>Before the first checkpoint.</summary>
    public static readonly string[] Early =
    [
        "before the start record", "in the start record", "start record torn", "before the first row",
        "in the first row", "before the first checkpoint", "in the first checkpoint",
    ];

    /// <summary>After a checkpoint.</summary>
    public static readonly string[] Midway =
        ["after a checkpoint", "in a row after a checkpoint", "after a checkpoint of an older version"];

    /// <summary>After the last checkpoint.</summary>
    public static readonly string[] Late =
        ["before the results", "in the results", "before the mark", "at the end of an older version"];

    /// <summary>Makes a folder as a kill at a moment leaves it.</summary>
    /// <param name="moment">One of the above.</param>
    /// <param name="whole">The folder of a whole run.</param>
    /// <param name="stopped">The folder of a run that stopped before its end, with a checkpoint.</param>
    /// <param name="folder">Is made.</param>
    /// <param name="results">Files that are written at the end, in their order.</param>
    public static void Leave(
        string moment, string whole, string stopped, string folder, params string[] results)
    {
        string At(string file) => Path.Combine(folder, file);
        Directory.CreateDirectory(folder);
        File.WriteAllText(At(RunFolder.LockFile), ""); // the operating system lets go of it, the file stays
        string record = Unmarked(whole);
        string[] rows = File.ReadAllLines(Path.Combine(whole, RunFolder.MetricsFile));
        switch (moment)
        {
            case "before the start record":
                break;
            case "in the start record":
                File.WriteAllText(At(RunFolder.StartFile + ".tmp"), record[..20]);
                break;
            case "start record torn":
                File.WriteAllText(At(RunFolder.StartFile), record[..20]);
                break;
            case "before the first row":
                Rows(0, "");
                break;
            case "in the first row":
                Rows(0, rows[0][..7]);
                break;
            case "before the first checkpoint":
                Rows(1, rows[1][..^1]);
                break;
            case "in the first checkpoint":
                Rows(2, "");
                File.WriteAllText(At(RunFolder.CheckpointFile + ".tmp"), "half");
                break;
            case "after a checkpoint":
                Copy(stopped, folder);
                break;
            case "in a row after a checkpoint":
                Copy(stopped, folder);
                Rows(Math.Min(File.ReadLines(At(RunFolder.MetricsFile)).Count() + 1, rows.Length - 1),
                    rows[^1][..5]);
                break;
            case "after a checkpoint of an older version":
                Copy(stopped, folder);
                File.Delete(At(RunFolder.StartFile));
                break;
            case "before the results" or "in the results" or "before the mark":
                Copy(whole, folder);
                File.WriteAllText(At(RunFolder.StartFile), record);
                int kept = moment[0] == 'i' ? 1 : moment == "before the mark" ? results.Length : 0;
                foreach (string file in results[kept..])
                    File.Delete(At(file));
                break;
            case "at the end of an older version":
                Copy(whole, folder);
                File.Delete(At(RunFolder.StartFile));
                break;
            default:
                throw new ArgumentException(moment);
        }

        void Rows(int count, string rest)
        {
            File.WriteAllText(At(RunFolder.StartFile), record);
            File.WriteAllText(At(RunFolder.MetricsFile),
                string.Concat(rows.Take(count).Select(r => r + "\n")) + rest);
        }
    }

    /// <summary>Copies a folder's files.</summary>
    public static void Copy(string from, string to)
    {
        foreach (string file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            string target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target, overwrite: true);
        }
    }

    /// <summary>The rows of a run, without a field that is a time or a speed.</summary>
    public static string[] RowsWithout(string folder, string field) =>
    [
        .. File.ReadLines(Path.Combine(folder, RunFolder.MetricsFile)).Select(line =>
        {
            JsonObject row = JsonNode.Parse(line)!.AsObject();
            row.Remove(field);
            return row.ToJsonString();
        }),
    ];

    static string Unmarked(string whole)
    {
        JsonObject record = JsonNode.Parse(
            File.ReadAllText(Path.Combine(whole, RunFolder.StartFile)))!.AsObject();
        record.Remove("complete");
        return record.ToJsonString(s_indented) + "\n";
    }
}
