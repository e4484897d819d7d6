// Times the ops: dotnet run -c Release --project bench/Bench -- --device cpu --filter layernorm
// Beside OpenBLAS: dotnet run -c Release --project bench/Bench -- --openblas [--filter decode]
// A memory sweep beside its cells one by one: dotnet run -c Release --project bench/Bench -- --sweep
// Activation patching beside its cells one by one: dotnet run -c Release --project bench/Bench -- --patch
// Host code, text and files: dotnet run -c Release --project bench/Bench -- --host [tokenizer]
// Logits of a whole model by precision: dotnet run -c Release --project bench/Bench -- --logits-error
// AdamW's moments in fewer bytes: dotnet run -c Release --project bench/Bench -- --moments-error
// Each bench of an op is checked against its oracle before it is timed.

using System.Reflection;
using HeadTap.Bench;
using HeadTap.Kernels;
using HeadTap.Runtime;

string deviceName = "cpu", filter = "", folder = Path.Combine("bench", "results");
int repeats = 15;
bool record = false, openBlas = false, host = false, logitsError = false, momentsError = false,
    sweep = false, patch = false;
for (int i = 0; i < args.Length; i++)
{
    string Value() => ++i < args.Length ? args[i] : throw new UserException($"{args[i - 1]} needs a value");
    switch (args[i])
    {
        case "--device": deviceName = Value(); break;
        case "--filter": filter = Value(); break;
        case "--repeats": repeats = int.Parse(Value()); break;
        case "--threads": HostThreads.Count = int.Parse(Value()); break;
        case "--vectors": HostSimd.Width = int.Parse(Value()); break;
        case "--results": folder = Value(); break;
        case "--record": record = true; break;
        case "--openblas": openBlas = true; break;
        case "--logits-error": logitsError = true; break;
        case "--moments-error": momentsError = true; break;
        case "--sweep": sweep = true; break;
        case "--patch": patch = true; break;
        case "--host":
            host = true;
            if (i + 1 < args.Length && !args[i + 1].StartsWith('-'))
                filter = args[++i];
            break;
        default:
            Console.Error.WriteLine(
                $"{args[i]}: unknown; options are --device NAME, --filter TEXT, --repeats N, "
                + "--threads N, --vectors 128|256|512, --record, --results FOLDER, --openblas, "
                + "--sweep, --patch, --host [TEXT], --logits-error, --moments-error");
            return 2;
    }
}
if (openBlas)
    return OpenBlas.Run(filter, repeats);
if (logitsError)
    return LogitsError.Run(Path.Combine("weights", "atlas"));
if (momentsError)
    return MomentsError.Run(deviceName);
if (sweep)
    return SweepBench.Run(deviceName, repeats);
if (patch)
    return PatchBench.Run(deviceName, repeats);
if (host)
    return HostBenches.Run(filter);

bool Matches(string name) => name.Contains(filter, StringComparison.OrdinalIgnoreCase);

var taken = new List<Measurement>();
using ComputeDevice device = ComputeDevice.Open(deviceName);
Console.WriteLine($"{device.Name}: {device.Entry.Description}; {HostThreads.Count} threads, "
    + $"vectors of {HostSimd.Width} bits; median of {repeats}");
Console.WriteLine($"{"op",-28} {"shape",-26} {"ms",9} {"fastest",9} {"slowest",9} {"cpu ms",9} {"GB/s",8} "
    + $"{"GFLOP/s",9} {"error",9}");

void Take(OpBench bench)
{
    Measurement m = Measurement.Take(device, bench, repeats);
    taken.Add(m);
    Console.WriteLine($"{bench.Name,-28} {bench.Shape,-26} {m.MedianMs,9:G4} {m.FastestMs,9:G4} "
        + $"{m.SlowestMs,9:G4} {m.CpuMs,9:G4} {m.GigabytesPerSecond,8:F1} {m.GigaflopsPerSecond,9:F1} "
        + $"{m.Error,9:E1}");
}

foreach (IBenchFamily family in Assembly.GetExecutingAssembly().GetTypes()
    .Where(t => t.IsClass && t.IsAssignableTo(typeof(IBenchFamily)))
    .OrderBy(t => t.Name, StringComparer.Ordinal)
    .Select(t => (IBenchFamily)Activator.CreateInstance(t)!))
{
    foreach (OpBench bench in family.Create(device))
    {
        if (Matches(family.Name) || Matches(bench.Name))
            Take(bench);
    }
}
foreach (OpBench bench in OpCaseBenches.Create(device, Matches))
    Take(bench);
if (record)
    Console.WriteLine($"appended to {History.Append(device, folder, taken)}");
return 0;
