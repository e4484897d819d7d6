namespace HeadTap.Models;

/// <summary>The element types that a safetensors file may hold, named as the format names them.</summary>
public enum SafetensorsDtype
{
    /// <summary>One byte, 0 or 1.</summary>
    Bool,
    /// <summary>Unsigned, 8 bits.</summary>
    U8,
    /// <summary>Signed, 8 bits.</summary>
    I8,
    /// <summary>Float, 5 exponent and 2 mantissa bits.</summary>
    F8E5M2,
    /// <summary>Float, 4 exponent and 3 mantissa bits.</summary>
    F8E4M3,
    /// <summary>Signed, 16 bits.</summary>
    I16,
    /// <summary>Unsigned, 16 bits.</summary>
    U16,
    /// <summary>IEEE 754 half.</summary>
    F16,
    /// <summary>The upper half of an IEEE 754 single.</summary>
    BF16,
    /// <summary>Signed, 32 bits.</summary>
    I32,
    /// <summary>Unsigned, 32 bits.</summary>
    U32,
    /// <summary>IEEE 754 single.</summary>
    F32,
    /// <summary>IEEE 754 double.</summary>
    F64,
    /// <summary>Signed, 64 bits.</summary>
    I64,
    /// <summary>Unsigned, 64 bits.</summary>
    U64,
}

static class SafetensorsDtypes
{
    internal static int Bytes(this SafetensorsDtype dtype) => dtype switch
    {
        <= SafetensorsDtype.F8E4M3 => 1,
        <= SafetensorsDtype.BF16 => 2,
        <= SafetensorsDtype.F32 => 4,
        _ => 8,
    };

    /// <summary>What messages say of the types that can be read as 32-bit floats.</summary>
    internal const string Floats = "F32, F64, F16 or BF16";

    /// <summary>Whether we read it as 32-bit floats. F64 is rounded; the others are floats
    /// exactly.</summary>
    internal static bool IsFloat(this SafetensorsDtype dtype) =>
        dtype is SafetensorsDtype.F32 or SafetensorsDtype.F64 or SafetensorsDtype.F16
            or SafetensorsDtype.BF16;

    /// <summary>Whether only quantised checkpoints have weights of this type.</summary>
    internal static bool IsQuantised(this SafetensorsDtype dtype) =>
        dtype is SafetensorsDtype.U8 or SafetensorsDtype.I8 or SafetensorsDtype.F8E4M3
            or SafetensorsDtype.F8E5M2;

    internal static string Text(this SafetensorsDtype dtype) => dtype switch
    {
        SafetensorsDtype.Bool => "BOOL",
        SafetensorsDtype.F8E5M2 => "F8_E5M2",
        SafetensorsDtype.F8E4M3 => "F8_E4M3",
        _ => dtype.ToString(),
    };

    /// <summary>Reads a name exactly as the format writes it; numbers and other spellings are
    /// refused.</summary>
    internal static bool TryParse(string? text, out SafetensorsDtype dtype)
    {
        foreach (SafetensorsDtype known in Enum.GetValues<SafetensorsDtype>())
        {
            dtype = known;
            if (known.Text() == text)
                return true;
        }
        dtype = default;
        return false;
    }
}
