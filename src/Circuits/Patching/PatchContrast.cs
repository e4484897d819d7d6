using HeadTap.Models;
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

    /// <summary>Checks that values of a site can go from one run into the other.</summary>
    /// <exception cref="UserException">Positions do not fit the prompts, or the site needs equal
    /// ones.</exception>
    internal void Validate(SiteKind kind)
    {
        Positions.Validate(Clean.Tokens.Length, Corrupt.Tokens.Length);
        if (kind == SiteKind.Pattern
            && (!Positions.IsSame || Clean.Tokens.Length != Corrupt.Tokens.Length))
            throw new UserException("a pattern has a weight for each position of its own prompt; expected "
                + "prompts of one length, each position with itself");
    }
}
