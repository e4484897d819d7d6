namespace HeadTap.PtxMachine;

/// <summary>
/// A defect of a kernel, of its text or of its launch; the message is one line with the kind, the kernel, the
/// line of PTX, the block and the thread.
/// </summary>
public sealed class PtxFault : Exception
{
    /// <summary>A defect that a running thread met.</summary>
    public PtxFault(
        FaultKind kind, string kernel, int line, string text, Dim3 block, Dim3 thread, string what)
        : base($"{kind}: {what}; {kernel}, line {line}: {text}; block {block}, thread {thread}")
    {
        (Kind, Kernel, Line, Block, Thread) = (kind, kernel, line, block, thread);
    }

    /// <summary>A defect of the text.</summary>
    public PtxFault(FaultKind kind, string kernel, int line, string text, string what)
        : base($"{kind}: {what}; {(kernel.Length > 0 ? kernel + ", " : "")}line {line}: {text}")
    {
        (Kind, Kernel, Line) = (kind, kernel, line);
    }

    /// <summary>A defect of the launch.</summary>
    public PtxFault(string kernel, string what)
        : base($"{FaultKind.Launch}: {what}; {kernel}")
    {
        (Kind, Kernel) = (FaultKind.Launch, kernel);
    }

    /// <summary>What it is about.</summary>
    public FaultKind Kind { get; }

    /// <summary>The entry; empty where the text failed outside of one.</summary>
    public string Kernel { get; }

    /// <summary>Line of the module's text, from 1; 0 where the launch itself is refused.</summary>
    public int Line { get; }

    /// <summary>Indices of the block.</summary>
    public Dim3 Block { get; }

    /// <summary>Indices of the thread in its block.</summary>
    public Dim3 Thread { get; }
}
