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
foreach (ulong seed in seeds)
    Run(seed, MergeSettings.OfMany, pairs: true);
foreach (ulong seed in seeds)
    Run(seed, MergeSettings.Slow, pairs: false);
Tables.Many(rows, names);
Console.WriteLine();
Tables.Pairs(rows, names);
Console.WriteLine();
Tables.Secrets(rows, names);

void Run(ulong seed, IReadOnlyList<(string Method, string[] Settings)> methods, bool pairs)
{
    MergeTask[] tasks = AtlasTasks.For(seed);
    string of = Path.Combine(folder, $"seed-{seed}");
    (string Model, string Text)[] models =
    [
        .. tasks.Select(t => FineTuning.Of(of, t.Name, t.Training, seed, context)),
        FineTuning.Of(of, "codes", SecretsInMerges.Documents(seed), seed, context),
    ];
    string all = string.Join(' ', names);
    (TaskScores, Dictionary<string, double>?) Look(string at) => (TaskScores.Of(device, at, tasks), null);
    void Try(string among, string method, string setting, params (string, string)[] parents)
    {
        context.Remark!($"seed {seed}, {among}: {method} {setting}");
        rows.Add(seed, among, method, setting,
            () => MergeTrial.Of(of, method, setting, parents, Look, quiet));
    }
    rows.Add(seed, all, "the atlas", "", () => Look(FineTuning.Atlas));
    for (int t = 0; t < tasks.Length; t++)
        rows.Add(seed, all, $"trained on {names[t]}", "", () => Look(models[t].Model));
    foreach ((string method, string[] settings) in methods)
        foreach (string setting in settings)
            Try(all, method, setting, models[..names.Length]);
    if (!pairs)
        return;
    for (int t = 0; t < names.Length; t++)
        foreach ((string method, string[] settings) in MergeSettings.OfTwo)
            foreach (string setting in settings)
                Try($"{names[t]} + {names[(t + 1) % names.Length]}", method, setting, models[t],
                    models[(t + 1) % names.Length]);
    SecretsInMerges.Run(device, of, seed, tasks, Array.IndexOf(names, "spanish"), models, rows, quiet);
}
