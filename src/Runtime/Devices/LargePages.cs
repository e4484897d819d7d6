using System.Runtime.InteropServices;

namespace HeadTap.Runtime;

/// <summary>
/// Asks Linux to hold a large block of host memory in pages of 2 MiB. Elsewhere, and where the system will
/// not, nothing changes.
/// </summary>
static unsafe partial class LargePages
{
    const nuint PageBytes = 2u << 20;

    // An optimiser's step streams through gigabytes; with pages of 4 KiB it waits for their addresses, by an
    // amount that depends on where earlier programs left free memory (docs/log.md, large pages).
    const long LeastBytes = 16L << 20;

    const int AdviseHugePages = 14; // MADV_HUGEPAGE of Linux's mman.h

    /// <summary>Asks for <paramref name="bytes"/> bytes at <paramref name="block"/>.</summary>
    internal static void Ask(void* block, long bytes)
    {
        if (!OperatingSystem.IsLinux() || bytes < LeastBytes)
            return;
        nuint first = ((nuint)block + PageBytes - 1) & ~(PageBytes - 1);
        nuint end = ((nuint)block + (nuint)bytes) & ~(PageBytes - 1);
        if (end > first)
            _ = Advise((void*)first, end - first, AdviseHugePages); // only advice: a refusal is no error
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(void* address, nuint length, int advice);
}
