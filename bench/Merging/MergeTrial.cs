using System.Globalization;
using HeadTap.Jobs;
using HeadTap.Merge;

namespace HeadTap.Merging;

/// <summary>Merges models in a setting, looks at the merge, and throws it away.</summary>
static class MergeTrial
{
    /// <summary>Makes a merge and gives what <paramref name="look"/> finds in its folder.</summary>
    /// <param name="folder">Where the merge is for a while.</param>
    /// <param name="method">Name of the method; the atlas is the base where one is read.</param>
    /// <param name="setting">name=value, with spaces between; weights by commas; empty for the
    /// defaults.</param>
    /// <param name="parents">The models with their texts.</param>
    /// <param name="look">Asks the merge.</param>
    /// <param name="context">Device.</param>
    internal static T Of<T>(string folder, string method, string setting,
        IReadOnlyList<(string Model, string Text)> parents, Func<string, T> look, JobContext context)
    {
        MergeMethod by = MergeMethods.Named(method);
        string[] parts = setting.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        string? weights = parts.FirstOrDefault(p => p.StartsWith("weights=", StringComparison.Ordinal));
        string to = Path.Combine(folder, "merge");
        if (Directory.Exists(to))
            Directory.Delete(to, recursive: true);
        bool single = by.MostModels == 1; // one model is merged into the other, which is the base
        try
        {
            MergeRunJob.Run(new MergeRunOptions
            {
                Method = method,
                Model = [.. parents.Skip(single ? 1 : 0).Select(p => p.Model)],
                Base = by.Base == BaseUse.Required ? single ? parents[0].Model : FineTuning.Atlas : null,
                TextFile = by is MeasuredMethod ? [.. parents.Select(p => p.Text)] : [],
                Weight = weights is null ? [] : [.. weights["weights=".Length..].Split(',')
                    .Select(w => double.Parse(w, CultureInfo.InvariantCulture))],
                Set = [.. parts.Where(p => p != weights)],
                Out = to,
            }, context);
            return look(to);
        }
        finally
        {
            if (Directory.Exists(to))
                Directory.Delete(to, recursive: true);
        }
    }
}
