namespace HeadTap.PtxMachine;

/// <summary>The name of an instruction with everything behind its points.</summary>
/// <param name="Name">All of it: <c>ld.global.v4.f32</c>.</param>
sealed record PtxOpcode(string Name)
{
    /// <summary>Up to the first point: <c>ld</c>.</summary>
    public string Stem { get; } = Name.IndexOf('.') is int point and > 0 ? Name[..point] : Name;

    /// <summary>True for what ends a basic block.</summary>
    public bool EndsBlock => Stem is "bra" or "ret" or "exit" or "bar" or "barrier";
}

/// <summary>One instruction of an entry's body.</summary>
/// <param name="Code">What it does.</param>
/// <param name="Operands">In their order.</param>
/// <param name="Predicate">The register that guards it, -1 without one.</param>
/// <param name="Negated">True for <c>@!</c>.</param>
/// <param name="Line">Of the module, from 1.</param>
/// <param name="Source">As written.</param>
sealed record PtxInstruction(
    PtxOpcode Code, PtxOperand[] Operands, int Predicate, bool Negated, int Line,
    ReadOnlyMemory<char> Source)
{
    /// <summary>All of the opcode.</summary>
    public string Opcode => Code.Name;

    /// <summary>The opcode up to the first point.</summary>
    public string Stem => Code.Stem;

    /// <summary>True for what ends a basic block.</summary>
    public bool EndsBlock => Code.EndsBlock;

    /// <summary>As written, in one line.</summary>
    public string Text => string.Join(' ',
        Source.ToString().Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));

    /// <summary>Registers that it writes, predicated or not.</summary>
    public IEnumerable<int> Written =>
        Operands.Length == 0 ? []
        : Operands[0].Kind == OperandKind.Register ? [Operands[0].Register]
        : Operands[0].Kind == OperandKind.Vector ? Registers(Operands[0]) : [];

    /// <summary>Registers that it reads; what a predicated instruction may leave as it was counts as
    /// read.</summary>
    public IEnumerable<int> Read
    {
        get
        {
            if (Predicate >= 0)
            {
                yield return Predicate;
                foreach (int register in Written)
                    yield return register;
            }
            for (int i = 0; i < Operands.Length; i++)
                if (i > 0 || Operands[i].Kind == OperandKind.Memory)
                    foreach (int register in Registers(Operands[i]))
                        yield return register;
        }
    }

    static IEnumerable<int> Registers(PtxOperand operand) =>
        operand.Elements is PtxOperand[] elements ? elements.SelectMany(Registers)
        : operand.Register >= 0 ? [operand.Register] : [];
}
