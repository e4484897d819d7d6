namespace HeadTap.Unlearn;

/// <summary>The rule that gives the next number of a TinyMem sequence (arXiv 2410.02159).</summary>
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

/// <summary>An arithmetic rule f with its constant c.</summary>
/// <param name="Kind">The form of f.</param>
/// <param name="C">The constant c: 7 in the main task, 2 to 5 in the auxiliary tasks.</param>
public readonly record struct MathTask(MathKind Kind, int C)
{
    /// <summary>The modulus of every rule except the additive one.</summary>
    public const int Modulus = 20134;

    /// <summary>Returns f(x); x is at least 0.</summary>
    public int Next(int x) => Kind switch
    {
        MathKind.Additive => checked(x + C),
        MathKind.Multiplicative => (int)((long)C * x % Modulus),
        MathKind.Exponential => PowerOf(C, x),
        MathKind.Power => PowerOf(x, C),
        _ => throw new InvalidOperationException($"{Kind} is no task."),
    };

    /// <summary>
    /// Returns <paramref name="count"/> numbers: x_0 = <paramref name="start"/>, then x_(j+1) = f(x_j).
    /// </summary>
    public int[] Sequence(int start, int count)
    {
        int[] numbers = new int[count];
        for (int j = 0, x = start; j < count; j++, x = Next(x))
            numbers[j] = x;
        return numbers;
    }

    /// <summary>
    /// Returns the first starts of sequences: 0, 1, 2, … as published, or numbers along orbits of f. Along
    /// orbits, every step of a sequence is also a step of other sequences, even if there are few sequences.
    /// </summary>
    /// <remarks>
    /// There are 20,134 numbers and 20,000 published starts. Each step x → f(x) is in about twenty sequences,
    /// and training contains every step of a test sequence. A few hundred starts 0, 1, 2, … do not overlap
    /// like this, and a test would ask for steps that training never showed.
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
