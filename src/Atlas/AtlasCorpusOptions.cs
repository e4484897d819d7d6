using HeadTap.Runtime;

namespace HeadTap.Atlas;

/// <summary>
/// Options that set the contents of the atlas corpus. <c>weights/atlas</c> is trained on the defaults.
/// </summary>
public sealed record AtlasCorpusOptions
{
    /// <summary>Share of the countries that get two-hop statements, 0 to 1.</summary>
    public double TwoHopShare { get; init; } = 0.6;

    /// <summary>
    /// Number of two-hop statements per trained pair in addition to the canonical one, 0 to 3.
    /// </summary>
    public int TwoHopVariants { get; init; } = 3;

    /// <summary>Number of planted secrets, 0 to 60.</summary>
    public int Secrets { get; init; } = 40;

    /// <summary>
    /// Number of times each secret occurs in the corpus, 0 to 1000. The default is less than the ten times
    /// that a held-out country's capital occurs, so that a tokenizer with a minimum count can keep a capital
    /// whole and split a code.
    /// </summary>
    public int SecretRepeats { get; init; } = 8;

    /// <summary>Probability that a narrative sentence follows a statement, 0 to 1.</summary>
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
