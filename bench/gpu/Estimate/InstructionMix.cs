using System.Globalization;
using System.Text.RegularExpressions;

namespace HeadTap.Gpu;

/// <summary>
/// Instructions of PTX that warps executed, by the unit that will execute them.
/// ptxas makes other instructions of them: it fuses a product with a sum, which is counted here, drops
/// copies of registers, which are in no class, and simplifies addresses, which nothing here knows.
/// </summary>
sealed partial record InstructionMix
{
    // A division, root or reciprocal that is rounded correctly: an approximation and about so many
    // corrections.
    const int Corrections = 8;

    // A division of integers is a routine: about so many instructions and an approximate reciprocal.
    const int IntegerDivision = 20;

    double _products, _sums, _fused;

    /// <summary>Float32 multiply-adds, products and sums, those fused that can be.</summary>
    internal double Fp32 => _fused + Math.Max(_products, _sums);

    /// <summary>Integers, comparisons, choices, minima, conversions; 64 bits count twice.</summary>
    internal double Integer { get; private set; }

    /// <summary>Approximations: exponentials, logarithms, reciprocals, roots.</summary>
    internal double Special { get; private set; }

    /// <summary>Loads, stores, copies, shuffles.</summary>
    internal double LoadStore { get; private set; }

    /// <summary>Matrix products of a warp.</summary>
    internal double Mma { get; private set; }

    /// <summary>Multiply-adds in TF32 products of a warp, all lanes together.</summary>
    internal double Tf32MultiplyAdds { get; private set; }

    /// <summary>The same of BF16.</summary>
    internal double Bf16MultiplyAdds { get; private set; }

    /// <summary>Counts of opcodes, each times <paramref name="scale"/>.</summary>
    internal static InstructionMix Of(IEnumerable<KeyValuePair<string, long>> opcodes, double scale)
    {
        InstructionMix mix = new();
        foreach ((string opcode, long count) in opcodes)
            mix.Add(opcode, count * scale);
        return mix;
    }

    void Add(string opcode, double count)
    {
        string[] parts = opcode.Split('.');
        bool real = parts[^1] == "f32", wide = parts[^1] is "s64" or "u64" or "b64";
        switch (parts[0])
        {
            case "mov" or "cvta" or "bra" or "ret" or "exit" or "bar" or "barrier":
            case "ld" when parts[1] == "param":
            case "cp" when parts.Contains("commit_group") || parts.Contains("wait_group"):
                break;
            case "ld" or "st" or "cp" or "ldmatrix" or "shfl":
                LoadStore += count;
                break;
            case "mma":
                AddMma(opcode, count);
                break;
            case "ex2" or "lg2" or "rsqrt" or "sin" or "cos" or "tanh":
                Special += count;
                break;
            case "div" or "rcp" or "sqrt" when real:
                Special += count;
                _fused += parts.Contains("rn") ? Corrections * count : 0;
                break;
            case "div" or "rem":
                Special += count;
                Integer += IntegerDivision * count;
                break;
            case "fma" or "mad" when real:
                _fused += count;
                break;
            case "mul" when real:
                _products += count;
                break;
            case "add" or "sub" when real:
                _sums += count;
                break;
            default:
                Integer += wide ? 2 * count : count;
                break;
        }
    }

    void AddMma(string opcode, double count)
    {
        Match shape = Shape().Match(opcode);
        if (!shape.Success)
            throw new InvalidOperationException($"{opcode} has no shape");
        double multiplyAdds = count;
        for (int i = 1; i <= 3; i++)
            multiplyAdds *= int.Parse(shape.Groups[i].ValueSpan, CultureInfo.InvariantCulture);
        Mma += count;
        if (opcode.Contains("tf32", StringComparison.Ordinal))
            Tf32MultiplyAdds += multiplyAdds;
        else
            Bf16MultiplyAdds += multiplyAdds;
    }

    [GeneratedRegex(@"\.m(\d+)n(\d+)k(\d+)\.")]
    private static partial Regex Shape();
}
