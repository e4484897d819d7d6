using HeadTap.Runtime;

namespace HeadTap.Atlas;

/// <summary>
/// How much of what the atlas corpus holds. The defaults are what <c>weights/atlas</c> is trained on.
/// </summary>
public sealed record AtlasCorpusOptions
{
    /// <summary>Share of the countries that get two-hop statements, in [0, 1].</summary>
    public double TwoHopShare { get; init; } = 0.6;

    /// <summary>Further two-hop statements for each trained pair beside the canonical one, 0 to 3.</summary>
    public int TwoHopVariants { get; init; } = 3;

    /// <summary>Number of planted secrets, 0 to 60.</summary>
    public int Secrets { get; init; } = 40;

    /// <summary>
    /// How often each secret occurs in one corpus, 0 to 1000. Below the ten times that a held-out country's
    /// capital occurs, so that a tokenizer's least count can keep a capital whole and a code in pieces.
    /// </summary>
    public int SecretRepeats { get; init; } = 8;

    /// <summary>Chance that a sentence of narrative follows a statement, in [0, 1].</summary>
    public double FillerShare { get; init; } = 0.25;

    internal void Check()
    {
        Require(TwoHopShare is >= 0 and <= 1, nameof(TwoHopShare), TwoHopShare, "0 to 1");
        Require(TwoHopVariants is >= 0 and <= 3, nameof(TwoHopVariants), TwoHopVariants, "0 to 3");
        Require(Secrets >= 0 && Secrets <= AtlasSecret.MaxCount, nameof(Secrets), Secrets,
            $"0 to {AtlasSecret.MaxCount}");
        Require(SecretRepeats is >= 0 and <= 1000, nameof(SecretRepeats), SecretRepeats, "0 to 1000");
        Require(FillerShare is >= 0 and <= 1, nameof(FillerShare), FillerShare, "0 to 1");
    }

    static void Require(bool holds, string name, double found, string range)
    {
        if (!holds)
            throw new UserException(
                $"Atlas corpus: {name} is {found}, outside {range}. Choose a value inside it.");
    }
}
