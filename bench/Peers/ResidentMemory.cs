using System.Globalization;

namespace HeadTap.Peers;

/// <summary>What Linux counts of this process's memory, native libraries' included.</summary>
static class ResidentMemory
{
    /// <summary>Bytes that were resident at most since <see cref="ForgetPeak"/>.</summary>
    public static long Peak => Field("/proc/self/status", "VmHWM:");

    /// <summary>Bytes the machine could still give.</summary>
    public static long Free => Field("/proc/meminfo", "MemAvailable:");

    /// <summary>Begins a new peak at what is resident now; a system that refuses keeps the old one.</summary>
    /// <returns>Whether it did.</returns>
    public static bool ForgetPeak()
    {
        try
        {
            File.WriteAllText("/proc/self/clear_refs", "5");
            return true;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    static long Field(string file, string name)
    {
        string line = File.ReadLines(file).First(l => l.StartsWith(name, StringComparison.Ordinal));
        return 1024 * long.Parse(line[name.Length..].Replace("kB", "", StringComparison.Ordinal),
            CultureInfo.InvariantCulture);
    }
}
