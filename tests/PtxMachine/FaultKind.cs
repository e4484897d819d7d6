namespace HeadTap.PtxMachine;

/// <summary>What a fault is about.</summary>
public enum FaultKind
{
    /// <summary>Text that is not PTX, or a form that the machine does not know.</summary>
    Syntax,

    /// <summary>A launch beyond the limits of the architecture or of the entry.</summary>
    Launch,

    /// <summary>Two threads of a block touched one word of shared memory, one of them wrote, and nothing
    /// orders the two.</summary>
    SharedRace,

    /// <summary>The same of global memory, within a block or between blocks.</summary>
    GlobalRace,

    /// <summary>Shared memory was read that nobody wrote.</summary>
    Uninitialised,

    /// <summary>An address outside of what it may reach.</summary>
    OutOfBounds,

    /// <summary>An address that is no multiple of the access, or a symbol declared with less alignment than
    /// the access needs.</summary>
    Misaligned,

    /// <summary>Data of a cp.async was touched before its issuer waited for it.</summary>
    AsyncCopy,

    /// <summary>A barrier that not all threads of the block reach together.</summary>
    Barrier,

    /// <summary>A branch marked uniform that is not.</summary>
    DivergentUniform,

    /// <summary>An instruction of a whole warp that a part of it executes, or a shuffle from a lane that does
    /// not take part.</summary>
    PartialWarp,

    /// <summary>A warp that does not come to its end.</summary>
    Endless,

    /// <summary>An instruction that the architecture does not have.</summary>
    Architecture,
}
