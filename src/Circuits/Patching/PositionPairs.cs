using HeadTap.Runtime;

namespace HeadTap.Circuits;

/// <summary>Which position of the clean prompt belongs to which of the corrupted one.</summary>
/// <param name="Pairs">Positions from 0, each in at most one pair.</param>
public sealed record PositionPairs(IReadOnlyList<(int Clean, int Corrupt)> Pairs)
{
    /// <summary>Every position with itself.</summary>
    /// <param name="length">Tokens of both prompts.</param>
    public static PositionPairs Same(int length) => new([.. Enumerable.Range(0, length).Select(t => (t, t))]);

    /// <summary>Whether every position belongs to itself.</summary>
    public bool IsSame => Pairs.All(p => p.Clean == p.Corrupt);

    /// <summary>Checks the pairs against two prompts.</summary>
    /// <exception cref="UserException">There is none, a position is outside its prompt, or it stands
    /// twice.</exception>
    public void Validate(int cleanLength, int corruptLength)
    {
        if (Pairs.Count == 0)
            throw new UserException("no pair of positions; expected at least one");
        Check("clean", [.. Pairs.Select(p => p.Clean)], cleanLength);
        Check("corrupted", [.. Pairs.Select(p => p.Corrupt)], corruptLength);
    }

    /// <summary>The source's position of each position of the target, ascending by target.</summary>
    internal IReadOnlyList<(int Source, int Target)> Into(PatchDirection direction) =>
    [
        .. Pairs.Select(p => direction == PatchDirection.Denoise ? (p.Clean, p.Corrupt)
            : (p.Corrupt, p.Clean)).OrderBy(p => p.Item2),
    ];

    static void Check(string prompt, int[] positions, int length)
    {
        foreach ((int at, int position) in positions.Index())
            if (position < 0 || position >= length)
                throw new UserException($"position {position} is outside the {prompt} prompt, which has "
                    + $"positions 0 to {length - 1}");
            else if (positions.AsSpan(0, at).Contains(position))
                throw new UserException($"position {position} of the {prompt} prompt stands in two pairs of "
                    + "positions; expected each in one at most");
    }
}
