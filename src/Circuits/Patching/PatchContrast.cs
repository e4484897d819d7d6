using HeadTap.Runtime;

namespace HeadTap.Circuits;

/// <summary>The two runs of a patch and how their positions belong together.</summary>
/// <param name="Clean">The run whose answer is right.</param>
/// <param name="Corrupt">The run whose answer is another.</param>
/// <param name="Positions">Pairs of positions.</param>
public sealed record PatchContrast(PatchInput Clean, PatchInput Corrupt, PositionPairs Positions)
{
    /// <summary>Two prompts of one length.</summary>
    /// <exception cref="UserException">Their lengths differ.</exception>
    public static PatchContrast Of(ContrastPair pair)
    {
        ArgumentNullException.ThrowIfNull(pair);
        int[] corrupt = pair.RequireAligned();
        return new(new PatchInput(pair.Clean), new PatchInput(corrupt), PositionPairs.Same(corrupt.Length));
    }

    /// <summary>The run whose values are taken.</summary>
    internal PatchInput Source(PatchDirection direction)
        => direction == PatchDirection.Denoise ? Clean : Corrupt;

    /// <summary>The run that they are put into.</summary>
    internal PatchInput Target(PatchDirection direction)
        => direction == PatchDirection.Denoise ? Corrupt : Clean;
}
