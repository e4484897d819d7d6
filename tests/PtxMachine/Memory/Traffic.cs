using System.Numerics;

namespace HeadTap.PtxMachine;

/// <summary>What a core's warps asked of the memories.</summary>
unsafe struct Traffic
{
    const int Banks = 32, SectorBits = 5;

    /// <summary>Sectors that loads touched.</summary>
    public long LoadedSectors;

    /// <summary>Sectors that stores touched.</summary>
    public long StoredSectors;

    /// <summary>Cycles of the banks.</summary>
    public long SharedCycles;

    /// <summary>Cycles beyond the least.</summary>
    public long BankConflicts;

    /// <summary>An access of global memory by the active lanes.</summary>
    /// <param name="tally">Of the instruction.</param>
    /// <param name="addresses">By lane.</param>
    /// <param name="offset">Added to each.</param>
    /// <param name="mask">Active lanes.</param>
    /// <param name="bytes">Of a lane.</param>
    /// <param name="store">True for a write.</param>
    public void Global(
        ref AccessTally tally, ulong* addresses, long offset, uint mask, int bytes, bool store)
    {
        if (mask == 0)
            return;
        int sectors = Sectors(addresses, offset, mask);
        (store ? ref StoredSectors : ref LoadedSectors) += sectors;
        (store ? ref tally.StoredSectors : ref tally.LoadedSectors) += sectors;
        tally.Executions++;
        int useful = bytes * Different(addresses, mask);
        tally.UsefulBytes += useful;
        tally.LeastSectors += (useful + (1 << SectorBits) - 1) >> SectorBits;
        if (tally.First == 0)
            tally.First = (nint)addresses[Warp.First(mask)] + (nint)offset;
    }

    // Lanes with an address that no earlier lane has.
    static int Different(ulong* addresses, uint mask)
    {
        ulong* seen = stackalloc ulong[Warp.Lanes];
        int count = 0;
        for (; mask != 0; mask &= mask - 1)
        {
            ulong address = addresses[Warp.First(mask)];
            // Most accesses go upward, lane by lane.
            if (count == 0 || address > seen[count - 1]
                || !new Span<ulong>(seen, count).Contains(address))
                seen[count++] = address;
        }
        return count;
    }

    /// <summary>Different sectors among the addresses of the active lanes; no access crosses one.</summary>
    public static int Sectors(ulong* addresses, long offset, uint mask)
    {
        ulong* seen = stackalloc ulong[Warp.Lanes];
        int count = 0;
        for (; mask != 0; mask &= mask - 1)
        {
            ulong sector = (addresses[Warp.First(mask)] + (ulong)offset) >> SectorBits;
            if (!new Span<ulong>(seen, count).Contains(sector))
                seen[count++] = sector;
        }
        return count;
    }

    /// <summary>
    /// An access of shared memory. Lanes go in turns of 128 bytes: 32 with a word each, 16 with two, 8
    /// with four; a turn takes a cycle for each different word of its busiest bank.
    /// </summary>
    /// <param name="tally">Of the instruction.</param>
    /// <param name="at">Byte offsets in the block's memory, by lane.</param>
    /// <param name="mask">Active lanes.</param>
    /// <param name="bytes">Of a lane.</param>
    public void Shared(ref AccessTally tally, int* at, uint mask, int bytes)
    {
        int words = bytes / 4, lanes = Banks / words;
        tally.Executions++;
        uint turn = lanes == Banks ? ~0u : (1u << lanes) - 1;
        for (int first = 0; first < Warp.Lanes; first += lanes)
            if (((mask >> first) & turn) is uint active && active != 0)
            {
                int cycles = Turn(at + first, active, words);
                SharedCycles += cycles;
                BankConflicts += cycles - 1;
                tally.SharedCycles += cycles;
                tally.BankConflicts += cycles - 1;
            }
    }

    static int Turn(int* at, uint active, int words)
    {
        int* seen = stackalloc int[Banks];
        byte* busy = stackalloc byte[Banks];
        new Span<byte>(busy, Banks).Clear();
        int count = 0, most = 0;
        for (; active != 0; active &= active - 1)
            for (int i = 0; i < words; i++)
            {
                int word = at[BitOperations.TrailingZeroCount(active)] / 4 + i;
                if (new Span<int>(seen, count).Contains(word))
                    continue;
                seen[count++] = word;
                most = Math.Max(most, ++busy[word % Banks]);
            }
        return most;
    }
}
