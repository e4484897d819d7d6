namespace HeadTap.PtxMachine;

/// <summary>One kernel of a module.</summary>
public sealed class PtxEntry
{
    internal PtxEntry() { }

    /// <summary>As the text has it.</summary>
    public string Name { get; internal init; } = "";

    /// <summary>In the order of the text.</summary>
    public IReadOnlyList<PtxParameter> Parameters { get; internal init; } = [];

    /// <summary>Bytes that a launch must pass: the end of the last parameter.</summary>
    public int ParameterBytes { get; internal init; }

    /// <summary>Shared memory that the entry declares with a size.</summary>
    public int StaticSharedBytes { get; internal init; }

    /// <summary>Threads of a block at most: the product of .maxntid, 1024 without it.</summary>
    public int MaxThreads { get; internal init; } = 1024;
}
