namespace HeadTap.Lens;

/// <summary>
/// V, the positions of a prompt that are sources and targets of a fit: t and t' in the mean over t in V of
/// the sum over t' in V, t' >= t.
/// </summary>
public enum JacobianPositions
{
    /// <summary>Positions 16 to T - 2: the first 16 and the last are left out, as published.</summary>
    Published,

    /// <summary>Positions 0 to T - 1.</summary>
    All,
}

/// <summary>Facts about <see cref="JacobianPositions"/>.</summary>
public static class JacobianPositionRule
{
    const int SkippedFirst = 16, SkippedLast = 1;

    /// <summary>Returns the valid positions of a prompt of T tokens; empty if it is too short.</summary>
    public static Range Of(this JacobianPositions positions, int T) => positions == JacobianPositions.All
        ? 0..T : SkippedFirst..Math.Max(T - SkippedLast, SkippedFirst);

    /// <summary>Returns the number of tokens of the shortest prompt that has a valid position.</summary>
    public static int FewestTokens(this JacobianPositions positions)
        => positions == JacobianPositions.All ? 1 : SkippedFirst + 1 + SkippedLast;

    /// <summary>Returns the name of a rule in options and files: all or published.</summary>
    public static string Word(this JacobianPositions positions)
        => positions == JacobianPositions.All ? "all" : "published";
}
