using System.Runtime.Intrinsics;

namespace HeadTap.PtxMachine;

/// <summary>Which lane a shuffle reads.</summary>
interface IShuffle
{
    /// <summary>The lane, and whether it lies in the segment.</summary>
    /// <param name="lane">Who reads.</param>
    /// <param name="b">The lane, the distance or the mask.</param>
    /// <param name="least">First lane of the segment.</param>
    /// <param name="most">Last lane, or for up the first.</param>
    /// <param name="segments">Bits of a lane that name its segment.</param>
    static abstract (int Lane, bool Within) Source(int lane, int b, int least, int most, int segments);
}

/// <summary>shfl.sync: a lane reads another's register.</summary>
static unsafe class ShuffleForms
{
    /// <summary>D = A of another lane; List[0] is the predicate that says whether there was one, or
    /// -1; List[1] is the member mask.</summary>
    public static void Run<T>(Op* op, Warp warp) where T : IShuffle
    {
        if (warp.Mask == 0)
            return;
        uint* a = (uint*)(warp.Registers + op->A), b = (uint*)(warp.Registers + op->B);
        uint* c = (uint*)(warp.Registers + op->C), members = (uint*)(warp.Registers + op->List[1]);
        uint* d = stackalloc uint[Warp.Lanes];
        uint within = 0;
        for (uint rest = warp.Mask; rest != 0; rest &= rest - 1)
        {
            int lane = Warp.First(rest);
            WarpForms.RequireMembers(op, warp, lane, members[lane]);
            int segments = (int)(c[lane] >> 8) & 31, clamp = (int)c[lane] & 31;
            int least = lane & segments, most = least | (clamp & ~segments);
            (int source, bool inside) = T.Source(lane, (int)b[lane] & 31, least, most, segments);
            if (!inside)
                source = lane;
            else if ((warp.Mask >> source & 1) == 0)
                warp.Block.Fault(warp, op->Index, lane, FaultKind.PartialWarp,
                    $"a shuffle from lane {source}, which does not take part");
            d[lane] = a[source];
            within |= (inside ? 1u : 0) << lane;
        }
        warp.Store(op->D, Vector512.Load(d), Vector512.Load(d + 16));
        if (op->List[0] >= 0)
            warp.Store(op->List[0], within);
    }
}

/// <summary>shfl.sync.bfly</summary>
readonly struct ShuffleButterfly : IShuffle
{
    public static (int Lane, bool Within) Source(int lane, int b, int least, int most, int segments) =>
        (lane ^ b, (lane ^ b) <= most);
}

/// <summary>shfl.sync.down</summary>
readonly struct ShuffleDown : IShuffle
{
    public static (int Lane, bool Within) Source(int lane, int b, int least, int most, int segments) =>
        (lane + b, lane + b <= most);
}

/// <summary>shfl.sync.up</summary>
readonly struct ShuffleUp : IShuffle
{
    public static (int Lane, bool Within) Source(int lane, int b, int least, int most, int segments) =>
        (lane - b, lane - b >= most);
}

/// <summary>shfl.sync.idx</summary>
readonly struct ShuffleIndex : IShuffle
{
    public static (int Lane, bool Within) Source(int lane, int b, int least, int most, int segments)
    {
        int source = least | (b & ~segments);
        return (source, source <= most);
    }
}
