namespace HeadTap.PtxMachine;

/// <summary>A basic block, ready to run.</summary>
unsafe struct ProgramBlock
{
    /// <summary>Its first instruction.</summary>
    public Op* First;

    /// <summary>Behind its last one; what ends the block is no instruction of it.</summary>
    public Op* Past;

    /// <summary>How it is left.</summary>
    public BlockEnd End;

    /// <summary>The block behind it.</summary>
    public int Next;

    /// <summary>Where a branch goes.</summary>
    public int Target;

    /// <summary>Where diverged lanes meet again.</summary>
    public int Meeting;

    /// <summary>Byte offset of the predicate; -1 without one.</summary>
    public int Predicate;

    /// <summary>All ones where the predicate counts inverted.</summary>
    public uint Flip;

    /// <summary>True for a branch that must not diverge.</summary>
    public bool Uniform;

    /// <summary>Index of the ending instruction in its entry.</summary>
    public int Index;

    /// <summary>Instructions, the ending one included.</summary>
    public int Count;
}
