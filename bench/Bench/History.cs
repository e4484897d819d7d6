using System.Globalization;
using System.Reflection;
using HeadTap.Runtime;

namespace HeadTap.Bench;

/// <summary>bench/results/&lt;device&gt;/history.csv: appended to, never rewritten.</summary>
static class History
{
    const string Header =
        "date,version,name,shape,median_ms,fastest_ms,slowest_ms,cpu_ms,gb_per_s,gflop_per_s,threads,"
        + "vector_bits";

    /// <summary>Appends the measurements and returns the file's path.</summary>
    internal static string Append(ComputeDevice device, string folder, IEnumerable<Measurement> measurements)
    {
        string path = Path.Combine(folder, device.Name.Replace(':', '-'), "history.csv");
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        bool fresh = !File.Exists(path);
        using var file = new StreamWriter(path, append: true) { NewLine = "\n" };
        if (fresh)
            file.WriteLine(Header);
        string version = typeof(History).Assembly
            .GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "";
        string date = DateTime.UtcNow.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
        foreach (Measurement m in measurements)
            file.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{date},{version},{m.Bench.Name},{m.Bench.Shape},"
                + $"{m.MedianMs:G5},{m.FastestMs:G5},{m.SlowestMs:G5},{m.CpuMs:G5},"
                + $"{m.GigabytesPerSecond:G4},{m.GigaflopsPerSecond:G4},"
                + $"{Kernels.HostThreads.Count},{Kernels.HostSimd.Width}"));
        return path;
    }
}
