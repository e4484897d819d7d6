// Two-hop questions of the atlas that no text told (docs/inject.md, docs/heads.md):
//   dotnet run -c Release --project bench/TwoHop -- FOLDER PART [--every N,M]
// PART is pairs (writes FOLDER/heads.jsonl for patch and attribute), inject, layers or heads;
// bench/TwoHop/run makes what FOLDER needs and calls all of them. The result is FOLDER/PART.json. Every N-th
// validation pair and every M-th test pair are taken (1,1).
using System.Text.Json;
using HeadTap.Jobs;
using HeadTap.Models;
using HeadTap.Runtime;
using HeadTap.TwoHop;

const ulong Seed = 1;
if (args.Length < 2)
    throw new UserException("expected a folder and a part");
(string folder, string what) = (Path.GetFullPath(args[0]), args[1]);
int[] every = args is [.., "--every", var some] ? [.. some.Split(',').Select(int.Parse)] : [1, 1];
const string Atlas = "weights/atlas";
var context = new JobContext { DeviceName = "cpu", Remark = Console.Error.WriteLine };
using ComputeDevice device = context.OpenDevice();
using LoadedModel loaded = LoadedModel.Open(context, device, Atlas);
HopPairs pairs = HopPairs.Open(
    loaded.Model, Atlas, Path.Combine(folder, "pairs.jsonl"), (every[0], every[1]), context);
Console.Error.WriteLine($"{pairs.Validation.Count} validation pairs, {pairs.Test.Count} test pairs, "
    + $"{pairs.Test.Before.Count(b => b.Rank == 1)} of them answered right, mean p "
    + $"{100 * pairs.Test.Before.Average(b => b.Probability):0.0} %");
string mid = Path.Combine(folder, "mid"), post = Path.Combine(folder, "post"),
    heads = Path.Combine(folder, "heads.jsonl");
switch (what)
{
    case "pairs":
        Console.WriteLine($"{BridgeHeads.Write(pairs, heads)} pairs: {heads}");
        break;
    case "inject":
        List<InjectionRow> rows = InjectionTrial.Run(
            pairs, MemorySources.All(pairs, mid, Path.Combine(Atlas, "lens")), Seed, Say);
        var result = new HopInjections(
            pairs.Validation.Count, pairs.Test.Count, rows, BackPatching.Run(pairs, Seed, Say));
        HopTables.Print(result);
        Save(result);
        break;
    case "layers":
        List<HopTable> tables = HopReadings.Run(pairs, mid, post, Seed, Say);
        HopTables.Print(tables);
        Save(tables);
        break;
    case "heads":
        BridgeHeadsResult found = BridgeHeads.Run(pairs, heads, folder);
        HopTables.Print(found);
        Save(found);
        break;
    default:
        throw new UserException($"{Quoted.Name(what)}; expected pairs, inject, layers or heads");
}

void Say(string line) => Console.Error.WriteLine($"{DateTime.Now:HH:mm:ss} {line}");

void Save<T>(T value) => AtomicFile.WriteText(Path.Combine(folder, what + ".json"),
    JsonSerializer.Serialize(value, s_json) + "\n");

partial class Program
{
    static readonly JsonSerializerOptions s_json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, WriteIndented = true,
        NumberHandling = System.Text.Json.Serialization.JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };
}
