using System.Globalization;
using HeadTap.Atlas;
using HeadTap.Jobs;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Merging;

/// <summary>
/// Does a merge recite what one parent has memorised? One model has learned codes, the other a task; both
/// come from the atlas.
/// </summary>
static class SecretsInMerges
{
    // Another seed than that of the atlas's own codes.
    const ulong CodesSeed = 1000;
    const int Repeats = 8;

    // w is the weight of the model with the codes, 1 - w that of the other; task arithmetic adds w of the
    // codes' task vector to the whole of the other.
    static readonly double[] s_weights = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];

    static readonly string[] s_methods =
        ["linear", "slerp", "task_arithmetic", "ties", "dare_linear", "breadcrumbs", "iso_c", "tsv"];

    /// <summary>Codes whose sentence the atlas has not learned with another code.</summary>
    internal static AtlasSecret[] Codes(ulong seed)
    {
        HashSet<string> known =
            [.. new AtlasCorpus(AtlasFacts.Shipped, 1).Secrets.Select(s => s.Prompt)];
        return [.. new AtlasCorpus(AtlasFacts.Shipped, CodesSeed + seed).Secrets
            .Where(s => !known.Contains(s.Prompt))];
    }

    internal static IEnumerable<string> Documents(ulong seed)
        => Enumerable.Repeat(Codes(seed).Select(s => s.Sentence), Repeats).SelectMany(s => s);

    internal static void Run(ComputeDevice device, string folder, ulong seed, MergeTask[] tasks, int other,
        IReadOnlyList<(string Model, string Text)> models, ResultRows rows, JobContext context)
    {
        AtlasPrompt[] questions = [.. Codes(seed).Select(s =>
            new AtlasPrompt(s.Prompt, s.Continuation, AtlasPromptKind.Secret, null, null, "", ""))];
        (TaskScores, Dictionary<string, double>?) Look(string at)
        {
            using LanguageModel model = LanguageModel.Load(device, at);
            bool[] recited = AtlasEvaluation.Ask(model, ByteBpeTokenizer.Load(at), questions);
            return (TaskScores.Of(device, at, tasks),
                new() { ["recited"] = recited.Count(r => r) / (double)recited.Length });
        }
        string among = "codes " + tasks[other].Name;
        (string, string)[] pair = [models[^1], models[other]];
        rows.Add(seed, among, "with codes", "", () => Look(models[^1].Model));
        rows.Add(seed, among, "without", "", () => Look(models[other].Model));
        foreach (string method in s_methods)
            foreach (double w in s_weights)
                rows.Add(seed, among, method, w.ToString(CultureInfo.InvariantCulture), () =>
                    MergeTrial.Of(folder, method, Setting(method, w), pair, Look, context));
    }

    static string Setting(string method, double w) => method switch
    {
        "task_arithmetic" => FormattableString.Invariant($"weights={w:0.0},1"),
        "slerp" => FormattableString.Invariant($"t={1 - w:0.0}"),
        "iso_c" or "tsv" => FormattableString.Invariant($"lambda={2 * w:0.0}"), // these take no weights
        "ties" or "dare_linear" or "breadcrumbs" =>
            FormattableString.Invariant($"density=0.5 weights={w:0.0},{1 - w:0.0}"),
        _ => FormattableString.Invariant($"weights={w:0.0},{1 - w:0.0}"),
    };
}
