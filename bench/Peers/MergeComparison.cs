using System.Diagnostics;
using HeadTap.Merge;
using HeadTap.Models;

namespace HeadTap.Peers;

/// <summary>
/// Merges of three checkpoints of GPT-2 medium's size beside PyTorch doing the same arithmetic on the same
/// files, tensor by tensor, and beside a copy that reads and writes the same bytes. Each writes a file of
/// weights; none hashes.
/// </summary>
static class MergeComparison
{
    const int Models = 3;
    const string Weights = "model.safetensors";

    static readonly string[] s_methods = ["linear", "ties", "dare_linear"];

    internal static void Run(int repeats)
    {
        string folder = Directory.CreateTempSubdirectory("headtap-merge-").FullName;
        try
        {
            string[] parents = [.. Enumerable.Range(0, Models + 1).Select(m => Make(folder, m))];
            Console.WriteLine($"{"merge, GPT-2 medium",-20} {"GB",5} {"HeadTap GB/s",13} {"copy GB/s",10} "
                + $"{"PyTorch GB/s",13} {"of copy",8} {"of PyTorch",11}  spread of both");
            foreach (string method in s_methods)
                Compare(folder, parents, method, repeats);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    // The base is the last; the others differ from it by a tenth of its own deviation.
    static string Make(string folder, int model)
    {
        string path = Path.Combine(folder, model == Models ? "base" : $"model-{model}");
        var shared = new SeededRandom(1);
        var own = new SeededRandom((ulong)model + 2);
        ModelFolder.Write(path, Gpt2.Medium, (_, _, piece) =>
        {
            foreach (ref float value in piece)
                value = 0.02f * (float)(shared.NextDouble() - 0.5)
                    + (model == Models ? 0 : 0.002f * (float)(own.NextDouble() - 0.5));
        });
        return path;
    }

    static void Compare(string folder, string[] parents, string method, int repeats)
    {
        MergeMethod by = MergeMethods.Named(method);
        string[] read = by.Base == BaseUse.None ? parents[..Models] : parents;
        double gigabytes = (read.Length + 1) * new FileInfo(Path.Combine(read[0], Weights)).Length / 1e9;
        string ours = Path.Combine(folder, "ours"), theirs = Path.Combine(folder, "theirs");
        var times = new double[3][];
        for (int i = 0; i < times.Length; i++)
            times[i] = new double[repeats];
        for (int r = -1; r < repeats; r++)
        {
            Action[] sides =
            [
                () => Merge(by, parents, ours),
                () => Copy(read, theirs + ".copy"),
                () => TorchMerge.Write(method, read, theirs),
            ];
            for (int side = 0; side < sides.Length; side++)
            {
                Thread.Sleep(20); // PyTorch's workers spin for a while after their last product
                var watch = Stopwatch.StartNew();
                sides[side]();
                if (r >= 0) // the first warms up
                    times[side][r] = watch.Elapsed.TotalSeconds;
            }
            if (r < 0 && method != "dare_linear") // its masks are drawn otherwise
                RequireSame(Path.Combine(ours, Weights), theirs);
            Directory.Delete(ours, recursive: true);
            File.Delete(theirs);
            File.Delete(theirs + ".copy");
        }
        double[] copy = Ratios(times[1], times[0]), peer = Ratios(times[2], times[0]);
        Console.WriteLine($"{method,-20} {gigabytes,5:0.0} {gigabytes / Median(times[0]),13:0.00} "
            + $"{gigabytes / Median(times[1]),10:0.00} {gigabytes / Median(times[2]),13:0.00} "
            + $"{Median(copy),8:0.00} {Median(peer),11:0.00}  "
            + $"{copy[0]:0.00} to {copy[^1]:0.00}, {peer[0]:0.00} to {peer[^1]:0.00}");
    }

    static void Merge(MergeMethod method, string[] parents, string to)
    {
        var all = new Dictionary<string, ParameterValue>();
        if (method.Parameters.Any(p => p.Name == "density"))
            all["density"] = ParameterValue.Of(TorchMerge.Density);
        if (method.Base == BaseUse.None)
            all["weight"] = ParameterValue.Of(1.0 / Models);
        using var run = new MergeRun(new MergeConfig
        {
            Method = method, Parameters = all, Seed = 1,
            BaseModel = method.Base == BaseUse.None ? null : parents[Models],
            Models = [.. parents[..Models].Select(
                p => new MergeParent(p, new Dictionary<string, ParameterValue>()))],
        });
        run.Write(to);
    }

    // Reads all files, and writes what it reads of the first.
    static void Copy(string[] read, string to)
    {
        byte[] piece = new byte[1 << 20];
        using FileStream target = new(to, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1);
        for (int m = 0; m < read.Length; m++)
        {
            using FileStream source = new(Path.Combine(read[m], Weights), FileMode.Open, FileAccess.Read,
                FileShare.Read, 1);
            for (int count; (count = source.Read(piece)) > 0;)
                if (m == 0)
                    target.Write(piece, 0, count);
        }
        target.Flush(flushToDisk: true); // as every file of a merge is
    }

    static void RequireSame(string ours, string theirs)
    {
        using var mine = SafetensorsReader.Open(ours);
        using var peer = SafetensorsReader.Open(theirs);
        foreach ((string name, _, _, long length) in mine.Entries)
        {
            float[] a = new float[length], b = new float[length];
            mine.Read(name, a);
            peer.Read(name, b);
            // Of numbers as large as the last that is kept, one side keeps the first and the other none.
            int others = a.Zip(b).Count(pair => !(Math.Abs(pair.First - pair.Second) < 1e-7));
            if (others > 1e-5 * a.Length)
                throw new InvalidOperationException($"{name}: {others} of {a.Length} numbers differ");
        }
    }

    // How many times as fast the second is.
    static double[] Ratios(double[] other, double[] ours) => [.. other.Zip(ours, (o, t) => o / t).Order()];

    static double Median(double[] values) => values.Order().ElementAt(values.Length / 2);
}
