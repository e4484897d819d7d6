namespace HeadTap.PtxMachine;

/// <summary>One kernel of a module.</summary>
public sealed class PtxEntry
{
    readonly Dictionary<int, KernelProgram> _contracted = [];
    KernelProgram? _program;

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

    /// <summary>The architecture of its module: <c>80</c>.</summary>
    internal int Target { get; init; }

    /// <summary>Registers by their index, the special ones first.</summary>
    internal IReadOnlyList<PtxRegister> Registers { get; init; } = [];

    /// <summary>Shared and local memory that it declares or may reach.</summary>
    internal IReadOnlyList<PtxSymbol> Symbols { get; init; } = [];

    /// <summary>The body.</summary>
    internal IReadOnlyList<PtxInstruction> Instructions { get; init; } = [];

    /// <summary>Where the labels stand: the index of the instruction behind each.</summary>
    internal IReadOnlyDictionary<string, int> Labels { get; init; } = new Dictionary<string, int>();

    /// <summary>What the machine runs; made once.</summary>
    internal KernelProgram Program => _program ??= ProgramBuilder.Build(this);

    /// <summary>The program with its sums fused (<see cref="Contraction"/>); made once for a seed. One
    /// thread asks at a time.</summary>
    internal KernelProgram Contracted(int seed)
    {
        if (!_contracted.TryGetValue(seed, out KernelProgram? program))
            _contracted[seed] = program =
                ProgramBuilder.Build(Contraction.Of(this, ControlFlow.Blocks(this), seed));
        return program;
    }

    /// <summary>The same kernel with another body.</summary>
    internal PtxEntry With(IReadOnlyList<PtxInstruction> instructions) => new()
    {
        Name = Name, Parameters = Parameters, ParameterBytes = ParameterBytes,
        StaticSharedBytes = StaticSharedBytes, MaxThreads = MaxThreads, Target = Target,
        Registers = Registers, Symbols = Symbols, Instructions = instructions, Labels = Labels,
    };
}
