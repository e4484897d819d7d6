using System.Runtime.InteropServices;

namespace HeadTap.Kernels;

/// <summary>
/// Native memory that a host body needs while it runs: packed panels, partial sums. One block a thread and
/// slot, kept between calls and grown when asked for more; contents are whatever was left there.
/// </summary>
static unsafe class HostScratch
{
    /// <summary>Slots of a thread: a body may hold one block in each.</summary>
    public const int Slots = 6;

    [ThreadStatic] static Blocks? t_blocks;

    /// <summary>At least <paramref name="count"/> floats, 64-byte aligned, of the calling thread.</summary>
    public static float* Floats(int slot, long count)
    {
        Blocks blocks = t_blocks ??= new Blocks();
        if (blocks.Length[slot] < count)
        {
            NativeMemory.AlignedFree(blocks.At[slot]);
            blocks.At[slot] = (float*)NativeMemory.AlignedAlloc((nuint)(count * sizeof(float)), 64);
            blocks.Length[slot] = count;
        }
        return blocks.At[slot];
    }

    sealed class Blocks
    {
        public readonly float*[] At = new float*[Slots];
        public readonly long[] Length = new long[Slots];

        ~Blocks()
        {
            foreach (float* block in At)
                NativeMemory.AlignedFree(block);
        }
    }
}
