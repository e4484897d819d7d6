using System.Text.Json.Nodes;
using HeadTap.Merge;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Runs what a merge method measures on texts, before the merge.</summary>
static class MergeMeasuring
{
    /// <summary>The merge with what was found; as it is for a method that measures nothing.</summary>
    /// <param name="config">The merge.</param>
    /// <param name="rules">How texts are read.</param>
    /// <param name="context">Device, progress, cancellation.</param>
    /// <param name="data">Files and their hashes, for the manifest; null for none.</param>
    /// <exception cref="UserException">A file cannot be read or predicts nothing, or a model cannot
    /// run.</exception>
    internal static MergeConfig Measured(
        MergeConfig config, TextRules rules, JobContext context, out JsonArray? data)
    {
        data = null;
        if (config.Method is not MeasuredMethod method)
            return config;
        Dictionary<MergeData, IReadOnlyList<int[]>> read = [];
        var rows = new IReadOnlyList<int[]>[config.Models.Count];
        for (int m = 0; m < rows.Length; m++)
        {
            // One vocabulary: a file that several models share is read once.
            MergeData file = (config.Models[m].Data ?? config.Data)!;
            if (!read.ContainsKey(file))
                read[file] = Rows(config.Models[m].Folder, file, rules, context);
            rows[m] = read[file];
        }
        data = [.. read.Keys.Select(d => (JsonNode)new JsonObject
        {
            ["file"] = d.Path, ["sha256"] = FileHash.Sha256([d.Path]),
        })];
        using ComputeDevice device = context.OpenDevice();
        return config with
        {
            Method = method.Measured(new MergeMeasurement
            {
                Config = config, Device = device, Rows = rows, Cancel = context.Cancel,
                Progress = share => context.Report("measuring", share),
            }),
        };
    }

    static IReadOnlyList<int[]> Rows(string folder, MergeData file, TextRules rules, JobContext context)
    {
        ModelConfig config = ModelFolder.ReadConfig(folder);
        ModelText text = ModelText.Open(folder, config, rules, context);
        IEnumerable<int[]> rows = file.IsBatch ? text.Batch(file.Path).Select(text.Row)
            : text.Documents(file.Path).Select(text.Row);
        IReadOnlyList<int[]> windows = MergeMeasurement.Windows(rows, config.ContextLength);
        return windows.Count > 0 ? windows : throw new UserException($"{Quoted.Path(file.Path)}: no text has "
            + "two tokens, so there is nothing to measure; expected a longer text");
    }
}
