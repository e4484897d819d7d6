namespace HeadTap.PtxMachine;

/// <summary>The name of an instruction with everything behind its points.</summary>
/// <param name="Name">All of it: <c>ld.global.v4.f32</c>.</param>
sealed record PtxOpcode(string Name)
{
    /// <summary>a b - c, rounded once: a negated operand of the machine's fma, which PTX has no name
    /// for.</summary>
    public const string ProductMinus = "fma-minus";

    /// <summary>c - a b, rounded once.</summary>
    public const string MinusProduct = "minus-fma";

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

    int[]? _read, _written;

    // What was collected belongs to the operands, which "with" may replace.
    PtxInstruction(PtxInstruction from)
        => (Code, Operands, Predicate, Negated, Line, Source) =
            (from.Code, from.Operands, from.Predicate, from.Negated, from.Line, from.Source);

    /// <summary>Registers that it writes, predicated or not.</summary>
    public int[] Written => _written ??= Collect(written: true);

    /// <summary>Registers that it reads; what a predicated instruction may leave as it was counts as
    /// read.</summary>
    public int[] Read => _read ??= Collect(written: false);

    int[] Collect(bool written)
    {
        List<int> found = [];
        if (!written && Predicate >= 0)
        {
            found.Add(Predicate);
            found.AddRange(Written);
        }
        for (int i = 0; i < Operands.Length; i++)
            if ((i == 0 && Operands[i].Kind != OperandKind.Memory) == written)
                Add(found, Operands[i]);
        return [.. found];
    }

    static void Add(List<int> found, PtxOperand operand)
    {
        if (operand.Register >= 0)
            found.Add(operand.Register);
        if (operand.Elements is PtxOperand[] elements)
            foreach (PtxOperand element in elements)
                Add(found, element);
    }
}
