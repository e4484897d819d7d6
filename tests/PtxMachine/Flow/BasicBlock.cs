namespace HeadTap.PtxMachine;

/// <summary>How control leaves a basic block.</summary>
enum BlockEnd
{
    /// <summary>Into the next one, or to a label without a condition.</summary>
    Goto,

    /// <summary>By a predicate, to a label or into the next one.</summary>
    Branch,

    /// <summary>The threads end, all or by a predicate.</summary>
    Return,

    /// <summary>A barrier of the block of threads, then the next one.</summary>
    Barrier,
}

/// <summary>A run of instructions that only its end leaves.</summary>
/// <param name="First">Index of its first instruction.</param>
/// <param name="Past">Index behind its last one, the ending one included.</param>
/// <param name="End">How it is left.</param>
/// <param name="Next">The block behind it; -1 for none.</param>
/// <param name="Target">Where a branch goes; -1 for none.</param>
sealed record BasicBlock(int First, int Past, BlockEnd End, int Next, int Target)
{
    /// <summary>Where diverged lanes meet again: the nearest block that every way to the end passes; -1 for
    /// the end itself.</summary>
    public int Meeting { get; set; } = -1;

    /// <summary>Where control may go from here.</summary>
    public IEnumerable<int> Successors
    {
        get
        {
            if (Target >= 0)
                yield return Target;
            if (Next >= 0 && Next != Target)
                yield return Next;
        }
    }
}
