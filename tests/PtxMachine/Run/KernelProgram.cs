using System.Runtime.InteropServices;

namespace HeadTap.PtxMachine;

/// <summary>An entry in the form that warps run; its memory lasts as long as it does.</summary>
sealed unsafe class KernelProgram
{
    const nuint PieceBytes = 1 << 16;

    readonly List<nint> _owned = [];
    nuint _left;

    byte* _next;

    /// <summary>Frees the memory.</summary>
    ~KernelProgram()
    {
        foreach (nint memory in _owned)
            NativeMemory.AlignedFree((void*)memory);
    }

    /// <summary>What it was made from.</summary>
    public required PtxEntry Entry { get; init; }

    /// <summary>Basic blocks; control begins at the first.</summary>
    public ProgramBlock* Blocks { get; set; }

    /// <summary>How many there are.</summary>
    public int BlockCount { get; set; }

    /// <summary>Numbers of the text: where they lie in the register file, their width, their bits.</summary>
    public List<(int Offset, RegisterWidth Width, ulong Bits)> Constants { get; } = [];

    /// <summary>Bytes of a warp's register file.</summary>
    public int FileBytes { get; set; }

    /// <summary>Where shared and local symbols lie.</summary>
    public required SharedLayout Layout { get; init; }

    /// <summary>Memory for <paramref name="count"/> values, zero, at a multiple of 16.</summary>
    public T* Own<T>(int count) where T : unmanaged
    {
        nuint bytes = ((nuint)Math.Max(1, count) * (nuint)sizeof(T) + 15) & ~(nuint)15;
        if (bytes > _left)
        {
            nuint piece = Math.Max(bytes, PieceBytes);
            _owned.Add((nint)NativeMemory.AlignedAlloc(piece, 64));
            NativeMemory.Clear((void*)_owned[^1], piece);
            _left = piece;
            _next = (byte*)_owned[^1];
        }
        byte* memory = _next;
        _left -= bytes;
        _next += bytes;
        return (T*)memory;
    }
}
