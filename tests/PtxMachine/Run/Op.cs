namespace HeadTap.PtxMachine;

/// <summary>
/// One instruction, ready to run: the method that executes it for a warp, and where its operands lie in the
/// warp's register file.
/// </summary>
unsafe struct Op
{
    /// <summary>Executes it for all active lanes.</summary>
    public delegate*<Op*, Warp, void> Run;

    /// <summary>Byte offset of the result.</summary>
    public int D;

    /// <summary>Byte offset of the first source, or of an address.</summary>
    public int A;

    /// <summary>Byte offset of the second source.</summary>
    public int B;

    /// <summary>Byte offset of the third source.</summary>
    public int C;

    /// <summary>An offset of an address, or a number that the instruction's form fixes.</summary>
    public long Imm;

    /// <summary>Byte offsets of the elements of vectors.</summary>
    public int* List;

    /// <summary>Elements of a vector access.</summary>
    public int Count;

    /// <summary>Bytes that a lane touches.</summary>
    public int Size;

    /// <summary>Index of the instruction in its entry, for faults.</summary>
    public int Index;

    /// <summary>True where the address is a register of 64 bits.</summary>
    public bool Wide;

    /// <summary>The allocation that the last access met; a guess for the next.</summary>
    public int Guess;
}
