// Merges models of ours and says what is left of their tasks (docs/merge.md):
//   dotnet run -c Release --project bench/Merging -- FOLDER [--seeds 1,2,3]
// from the repository's root. What FOLDER has already is not made again; what was stopped goes on.
using System.Globalization;
using HeadTap.Jobs;
using HeadTap.Merging;
using HeadTap.Runtime;

string folder = Path.GetFullPath(args.Length > 0 ? args[0] : throw new UserException("expected a folder"));
string Option(string name, string otherwise)
    => Array.IndexOf(args, name) is >= 0 and var i ? args[i + 1] : otherwise;
ulong[] seeds = [.. Option("--seeds", "1,2,3").Split(',')
    .Select(s => ulong.Parse(s, CultureInfo.InvariantCulture))];
var context = new JobContext { DeviceName = "cpu", Remark = Console.Error.WriteLine };
JobContext quiet = context with { Remark = null };
using ComputeDevice device = context.OpenDevice();
var rows = new ResultRows(Path.Combine(folder, "rows.jsonl"));
string[] names = [.. AtlasTasks.For(1).Select(t => t.Name)];
string all = string.Join(' ', names);
foreach (ulong seed in seeds)
    Merge(seed, MergeSettings.OfMany);
foreach (ulong seed in seeds)
    MergePairs(seed);
foreach (ulong seed in seeds)
{
    (MergeTask[] tasks, string of, (string, string)[] models) = Trained(seed);
    SecretsInMerges.Run(device, of, seed, tasks, Array.IndexOf(names, "spanish"), models, rows, quiet);
}
foreach (ulong seed in seeds)
    Merge(seed, MergeSettings.Slow);
Tables.Many(rows, names);
Console.WriteLine();
Tables.Pairs(rows, names);
Console.WriteLine();
Tables.Secrets(rows, names);

(MergeTask[] Tasks, string Folder, (string Model, string Text)[] Models) Trained(ulong seed)
{
    MergeTask[] tasks = AtlasTasks.For(seed);
    string of = Path.Combine(folder, $"seed-{seed}");
    return (tasks, of,
    [
        .. tasks.Select(t => FineTuning.Of(of, t.Name, t.Training, seed, context)),
        FineTuning.Of(of, "codes", SecretsInMerges.Documents(seed), seed, context),
    ]);
}

void Merge(ulong seed, IReadOnlyList<(string Method, string[] Settings)> methods)
{
    (MergeTask[] tasks, string of, (string Model, string Text)[] models) = Trained(seed);
    rows.Add(seed, all, "the atlas", "", () => (TaskScores.Of(device, FineTuning.Atlas, tasks), null));
    for (int t = 0; t < tasks.Length; t++)
        rows.Add(seed, all, $"trained on {names[t]}", "",
            () => (TaskScores.Of(device, models[t].Model, tasks), null));
    foreach ((string method, string[] settings) in methods)
        foreach (string setting in settings)
            Try(seed, all, method, setting, of, tasks, models[..names.Length]);
}

void MergePairs(ulong seed)
{
    (MergeTask[] tasks, string of, (string Model, string Text)[] models) = Trained(seed);
    for (int t = 0; t < names.Length; t++)
    {
        int next = (t + 1) % names.Length;
        foreach ((string method, string[] settings) in MergeSettings.OfTwo)
            foreach (string setting in settings)
                Try(seed, $"{names[t]} + {names[next]}", method, setting, of, tasks,
                    [models[t], models[next]]);
    }
}

void Try(ulong seed, string among, string method, string setting, string of, MergeTask[] tasks,
    (string Model, string Text)[] parents)
{
    context.Remark!($"seed {seed}, {among}: {method} {setting}");
    rows.Add(seed, among, method, setting, () => MergeTrial.Of(of, method, setting, parents,
        at => (TaskScores.Of(device, at, tasks), (Dictionary<string, double>?)null), quiet));
}
