namespace HeadTap.Unlearn;

/// <summary>How a number of a TinyMem sequence follows from the one before (arXiv 2410.02159).</summary>
public enum MathKind
{
    /// <summary>f(x) = x + c</summary>
    Additive,

    /// <summary>f(x) = c x mod 20134</summary>
    Multiplicative,

    /// <summary>f(x) = c^x mod 20134</summary>
    Exponential,

    /// <summary>f(x) = x^c mod 20134</summary>
    Power,
}

/// <summary>One arithmetic rule.</summary>
/// <param name="Kind">Its form.</param>
/// <param name="C">Its constant: 7 in the main task, 2 to 5 in the auxiliary ones.</param>
public readonly record struct MathTask(MathKind Kind, int C)
{
    /// <summary>The modulus of all tasks but the additive one.</summary>
    public const int Modulus = 20134;

    /// <summary>f(x), for x of 0 or more.</summary>
    public int Next(int x) => Kind switch
    {
        MathKind.Additive => checked(x + C),
        MathKind.Multiplicative => (int)((long)C * x % Modulus),
        MathKind.Exponential => PowerOf(C, x),
        MathKind.Power => PowerOf(x, C),
        _ => throw new InvalidOperationException($"{Kind} is no task."),
    };

    /// <summary>x_0 = <paramref name="start"/> and the numbers after it.</summary>
    public int[] Sequence(int start, int count)
    {
        int[] numbers = new int[count];
        for (int j = 0, x = start; j < count; j++, x = Next(x))
            numbers[j] = x;
        return numbers;
    }

    /// <summary>
    /// The first starts of sequences: 0, 1, 2, … as published, or along orbits of f, so that every step of a
    /// sequence is a step of other sequences too, also where there are few.
    /// </summary>
    /// <remarks>
    /// With 20,000 published starts of 20,134 numbers each step x → f(x) is in some twenty sequences, and a
    /// test sequence holds no step that training did not. A few hundred starts 0, 1, 2, … have no such
    /// overlap, and a test would ask for modular arithmetic that nothing taught.
    /// </remarks>
    public int[] Starts(int count, bool alongOrbits)
    {
        if (!alongOrbits)
            return [.. Enumerable.Range(0, count)];
        var seen = new HashSet<int>();
        var starts = new List<int>();
        for (int first = 1; starts.Count < count; first++)
            for (int x = first; starts.Count < count && seen.Add(x); x = Next(x))
                starts.Add(x);
        return [.. starts];
    }

    static int PowerOf(int b, int exponent)
    {
        long result = 1, factor = b % Modulus;
        for (int e = exponent; e > 0; e >>= 1)
        {
            if ((e & 1) == 1)
                result = result * factor % Modulus;
            factor = factor * factor % Modulus;
        }
        return (int)result;
    }
}
