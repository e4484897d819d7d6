namespace HeadTap.PtxMachine;

/// <summary>
/// The cp.async copies of a warp that nobody has waited for yet. The bytes move at the wait, as late as PTX
/// allows, so a wait that is missing shows in the values too.
/// </summary>
sealed unsafe class AsyncCopies
{
    readonly List<AsyncCopy> _copies = [];
    readonly int[] _committed = new int[Warp.Lanes];

    /// <summary>Forgets everything: a block begins.</summary>
    public void Clear()
    {
        _copies.Clear();
        Array.Clear(_committed);
    }

    /// <summary>A lane issues a copy into the group that it commits next.</summary>
    public void Issue(int lane, nint from, nint to, int bytes, int zeros, int word)
        => _copies.Add(new(lane, _committed[lane], from, to, bytes, zeros, word));

    /// <summary>cp.async.commit_group: what the lanes issued so far is a group.</summary>
    public void Commit(uint mask)
    {
        for (uint rest = mask; rest != 0; rest &= rest - 1)
            _committed[Warp.First(rest)]++;
    }

    /// <summary>cp.async.wait_group: all but the newest groups of the lanes arrive; the block marks
    /// their words.</summary>
    /// <param name="warp">Whose copies.</param>
    /// <param name="newest">Committed groups that may stay under way; -1: what is not committed arrives
    /// too.</param>
    public void Wait(Warp warp, int newest)
    {
        int kept = 0;
        for (int i = 0; i < _copies.Count; i++)
        {
            AsyncCopy copy = _copies[i];
            if ((warp.Mask >> copy.Lane & 1) != 0
                && (newest < 0 || copy.Group < _committed[copy.Lane] - newest))
                Arrive(warp, copy);
            else
                _copies[kept++] = copy;
        }
        _copies.RemoveRange(kept, _copies.Count - kept);
    }

    static void Arrive(Warp warp, AsyncCopy copy)
    {
        Buffer.MemoryCopy((void*)copy.From, (void*)copy.To, copy.Bytes, copy.Bytes);
        new Span<byte>((byte*)copy.To + copy.Bytes, copy.Zeros).Clear();
        warp.Block.CopyArrived(warp, copy.Lane, copy.Word, (copy.Bytes + copy.Zeros) / 4);
    }

    // A copy under way: group is the number of groups that its lane had committed before it.
    readonly record struct AsyncCopy(
        int Lane, int Group, nint From, nint To, int Bytes, int Zeros, int Word);
}
