namespace HeadTap.PtxMachine;

/// <summary>What a register holds in each lane.</summary>
enum RegisterWidth
{
    /// <summary>A bit; a warp's are one word.</summary>
    Predicate,

    /// <summary>32 bits.</summary>
    Word,

    /// <summary>64 bits.</summary>
    Long,
}

/// <summary>A declared or a special register.</summary>
/// <param name="Name">With the percent sign.</param>
/// <param name="Width">Of a lane.</param>
readonly record struct PtxRegister(string Name, RegisterWidth Width)
{
    /// <summary>The special registers that the machine has, in the order of their slots.</summary>
    public static readonly string[] Special =
    [
        "%tid.x", "%tid.y", "%tid.z", "%ntid.x", "%ntid.y", "%ntid.z", "%ctaid.x", "%ctaid.y", "%ctaid.z",
        "%nctaid.x", "%nctaid.y", "%nctaid.z", "%laneid", "%warpid",
    ];
}
