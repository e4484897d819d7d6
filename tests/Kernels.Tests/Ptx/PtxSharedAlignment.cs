using System.Globalization;
using System.Text.RegularExpressions;

namespace HeadTap.Kernels.Tests;

/// <summary>The alignment that a kernel's PTX declares of its shared memory, and what it needs.</summary>
static partial class PtxSharedAlignment
{
    /// <summary>Bytes of the widest access to shared memory: vectors, ldmatrix rows and asynchronous
    /// copies.</summary>
    public static int Widest(string ptx)
    {
        int widest = ptx.Contains("ldmatrix", StringComparison.Ordinal) ? 16 : 4;
        foreach (Match m in Access().Matches(ptx))
            widest = Math.Max(widest, int.Parse(m.Groups[1].ValueSpan, CultureInfo.InvariantCulture)
                * int.Parse(m.Groups[2].ValueSpan, CultureInfo.InvariantCulture) / 8);
        foreach (Match m in Copy().Matches(ptx))
            widest = Math.Max(widest, int.Parse(m.Groups[1].ValueSpan, CultureInfo.InvariantCulture));
        return widest;
    }

    /// <summary>The largest alignment declared of any shared array; 0 without one.</summary>
    public static int Declared(string ptx) => Declaration().Matches(ptx)
        .Select(m => int.Parse(m.Groups[1].ValueSpan, CultureInfo.InvariantCulture)).DefaultIfEmpty(0).Max();

    [GeneratedRegex(@"\b(?:ld|st)\.shared\.v(\d)\.[a-z](\d+)")]
    private static partial Regex Access();

    [GeneratedRegex(@"\bcp\.async\.c[ag]\.shared[^;]*?,\s*(\d+)\s*(?:,|;)")]
    private static partial Regex Copy();

    [GeneratedRegex(@"\.shared\s+\.align\s+(\d+)")]
    private static partial Regex Declaration();
}
