namespace HeadTap.PtxMachine;

/// <summary>What an operand is, by its spelling.</summary>
enum OperandKind
{
    /// <summary>A register, a special one included.</summary>
    Register,

    /// <summary>A number, as 64 bits.</summary>
    Immediate,

    /// <summary>The address of a symbol.</summary>
    Symbol,

    /// <summary>A name that no declaration has: a label.</summary>
    Label,

    /// <summary>Brackets: a base and an offset.</summary>
    Memory,

    /// <summary>Braces, or two registers with a bar between.</summary>
    Vector,
}

/// <summary>One operand of an instruction.</summary>
/// <param name="Kind">Which of the fields count.</param>
/// <param name="Register">Index of the register; of a memory operand's base, -1 where that is a
/// symbol.</param>
/// <param name="Value">The number; the offset of a memory operand.</param>
/// <param name="Name">The symbol or the label.</param>
/// <param name="Elements">The parts of a vector.</param>
sealed record PtxOperand(
    OperandKind Kind, int Register = -1, long Value = 0, string Name = "", PtxOperand[]? Elements = null);
