namespace HeadTap.PtxMachine;

/// <summary>Instructions that all lanes of a warp execute together.</summary>
static unsafe class WarpForms
{
    /// <summary>bar.warp.sync: orders the accesses of the warp's lanes.</summary>
    public static void Sync(Op* op, Warp warp)
    {
        for (uint rest = warp.Mask; rest != 0; rest &= rest - 1)
        {
            int lane = Warp.First(rest);
            RequireMembers(op, warp, lane, ((uint*)(warp.Registers + op->A))[lane]);
        }
        warp.Syncs++;
    }

    /// <summary>A guard begins: lanes whose predicate A does not hold leave; Imm flips it.</summary>
    public static void BeginGuard(Op* op, Warp warp)
    {
        warp.Unguarded = warp.Mask;
        warp.SetMask((CompareForms.Bits(warp, op->A) ^ (uint)op->Imm) & warp.Mask);
    }

    /// <summary>A guard ends.</summary>
    public static void EndGuard(Op* op, Warp warp) => warp.SetMask(warp.Unguarded);

    /// <summary>
    /// ldmatrix: Count matrices of 8 by 8 halves; lane i holds the address of row i mod 8 of matrix i / 8.
    /// </summary>
    public static void LoadMatrix(Op* op, Warp warp) => LoadMatrix(op, warp, transposed: false);

    /// <summary>ldmatrix.trans: the same, each matrix transposed.</summary>
    public static void LoadMatrixTransposed(Op* op, Warp warp) => LoadMatrix(op, warp, transposed: true);

    /// <summary>Faults where a mask of members is not what executes.</summary>
    public static void RequireMembers(Op* op, Warp warp, int lane, uint members)
    {
        if ((members >> lane & 1) == 0)
            warp.Block.Fault(warp, op->Index, lane, FaultKind.PartialWarp,
                $"member mask {members:x8} lacks the lane itself");
        if ((members & warp.Alive) != warp.Mask)
            warp.Block.Fault(warp, op->Index, lane, FaultKind.PartialWarp,
                $"member mask {members:x8}, but lanes {warp.Mask:x8} execute");
    }

    /// <summary>Faults where not all 32 lanes execute.</summary>
    public static void RequireAll(Op* op, Warp warp)
    {
        if (warp.Mask != ~0u)
            warp.Block.Fault(warp, op->Index, Warp.First(~warp.Mask), FaultKind.PartialWarp,
                $"an instruction of the whole warp, but lanes {warp.Mask:x8} execute");
    }

    static void Count(Op* op, Warp warp)
    {
        int* at = stackalloc int[Warp.Lanes];
        for (int lane = 0; lane < 8 * op->Count; lane++)
            at[lane] = SharedForms.Reach(op, warp, lane, op->A, 16);
        warp.Block.Traffic.Shared(ref warp.Block.Tallies[op->Index], at,
            uint.MaxValue >> (Warp.Lanes - 8 * op->Count), 16);
    }

    static void LoadMatrix(Op* op, Warp warp, bool transposed)
    {
        if (warp.Mask == 0)
            return;
        RequireAll(op, warp);
        BlockRun run = warp.Block;
        if (run.Counting)
            Count(op, warp);
        // All rows before any result: a result may lie in the register of the addresses.
        ushort** rows = stackalloc ushort*[Warp.Lanes];
        for (int lane = 0; lane < 8 * op->Count; lane++)
        {
            int at = SharedForms.Reach(op, warp, lane, op->A, 16);
            if (run.Watched)
                for (int i = 0; i < 4; i++)
                    RaceCheck.SharedRead(op, warp, lane, run.Shadow + 2 * (at / 4 + i),
                        run.Record(warp, lane), whole: true);
            rows[lane] = (ushort*)(run.Shared + at);
        }
        for (int m = 0; m < op->Count; m++)
        {
            ushort** matrix = rows + 8 * m;
            uint* d = (uint*)(warp.Registers + op->List[m]);
            for (int lane = 0; lane < Warp.Lanes; lane++)
            {
                int major = lane >> 2, minor = 2 * (lane & 3);
                d[lane] = transposed
                    ? matrix[minor][major] | (uint)matrix[minor + 1][major] << 16
                    : *(uint*)(matrix[major] + minor);
            }
        }
    }
}
