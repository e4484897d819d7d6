namespace HeadTap.PtxMachine;

/// <summary>
/// Where the symbols of an entry lie. An address in shared memory is the symbol's number times 2^20 plus an
/// offset: what runs past the end of one symbol never reaches another.
/// </summary>
sealed class SharedLayout
{
    /// <summary>Bits of the offset in an address.</summary>
    public const int OffsetBits = 20;

    /// <summary>Places the symbols in the order of their declaration.</summary>
    public SharedLayout(IReadOnlyList<PtxSymbol> symbols)
    {
        Shared = [.. symbols.Where(s => !s.Local)];
        Local = [.. symbols.Where(s => s.Local)];
        SharedStart = Starts(Shared);
        LocalStart = Starts(Local);
        LocalBytes = Local.Length == 0 ? 0 : LocalStart[^1] + Local[^1].Bytes + 15 & ~15;
    }

    /// <summary>Shared symbols; those with a size of the launch come last in memory.</summary>
    public PtxSymbol[] Shared { get; }

    /// <summary>Local symbols.</summary>
    public PtxSymbol[] Local { get; }

    /// <summary>Where each shared symbol begins in the block's memory.</summary>
    public int[] SharedStart { get; }

    /// <summary>Where each local symbol begins in the thread's memory.</summary>
    public int[] LocalStart { get; }

    /// <summary>Local memory of a thread.</summary>
    public int LocalBytes { get; }

    /// <summary>Bytes of the symbols that have a size, with the gaps of their alignment.</summary>
    public static int StaticBytes(IEnumerable<PtxSymbol> symbols)
    {
        int bytes = 0;
        foreach (PtxSymbol symbol in symbols)
            if (!symbol.Local && symbol.Bytes >= 0)
                bytes = Up(bytes, symbol.Alignment) + symbol.Bytes;
        return bytes;
    }

    /// <summary>The address that a symbol stands for; -1 for a name that is none.</summary>
    public long Address(string name)
    {
        int index = Array.FindIndex(Shared, s => s.Name == name);
        if (index < 0)
            index = Array.FindIndex(Local, s => s.Name == name);
        return index < 0 ? -1 : (long)(index + 1) << OffsetBits;
    }

    /// <summary>The shared symbols of a launch with this much extern memory.</summary>
    public SharedSymbol[] At(int dynamicBytes)
    {
        SharedSymbol[] symbols = new SharedSymbol[Shared.Length];
        for (int i = 0; i < symbols.Length; i++)
            symbols[i] = new(SharedStart[i], Shared[i].Bytes < 0 ? dynamicBytes : Shared[i].Bytes,
                Shared[i].Alignment);
        return symbols;
    }

    /// <summary>Shared memory that a launch with this much extern memory takes, in whole vectors.</summary>
    public int Bytes(int dynamicBytes)
    {
        int end = 0;
        foreach (SharedSymbol symbol in At(dynamicBytes))
            end = Math.Max(end, symbol.Start + symbol.Bytes);
        return end + 63 & ~63;
    }

    static int Up(int at, int alignment) => (at + alignment - 1) / alignment * alignment;

    static int[] Starts(PtxSymbol[] symbols)
    {
        int[] starts = new int[symbols.Length];
        int end = 0;
        foreach (bool sized in (bool[])[true, false])
            for (int i = 0; i < symbols.Length; i++)
                if (symbols[i].Bytes >= 0 == sized)
                {
                    starts[i] = Up(end, symbols[i].Alignment);
                    if (sized)
                        end = starts[i] + symbols[i].Bytes;
                }
        return starts;
    }
}
