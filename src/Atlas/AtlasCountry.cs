namespace HeadTap.Atlas;

/// <summary>One row of the facts table.</summary>
/// <param name="Country">The name as written inside a sentence: "Japan", "the Netherlands".</param>
/// <param name="Capital">The capital city.</param>
/// <param name="Currency">The currency without its article: "yen".</param>
/// <param name="Continent">One of <see cref="AtlasFacts.Continents"/>.</param>
/// <param name="Language">One official language.</param>
/// <param name="Demonym">The adjective for people.</param>
/// <param name="Neighbours">Countries with a land border, named as in <paramref name="Country"/>.</param>
public sealed record AtlasCountry(
    string Country,
    string Capital,
    string Currency,
    string Continent,
    string Language,
    string Demonym,
    IReadOnlyList<string> Neighbours)
{
    /// <summary>The name without its article: "Netherlands".</summary>
    public string Name => Country.StartsWith("the ", StringComparison.Ordinal) ? Country[4..] : Country;

    /// <summary>The name at the start of a sentence: "The Netherlands".</summary>
    public string AtStart => Capitalise(Country);

    /// <summary>The possessive at the start of a sentence: "Japan's", "The Netherlands'".</summary>
    public string PossessiveAtStart => AtStart + (Country.EndsWith('s') ? "'" : "'s");

    /// <summary>What is right for a relation, as in the table; empty where there is nothing to say.</summary>
    public IReadOnlyList<string> Answers(AtlasRelation relation) => relation switch
    {
        AtlasRelation.Capital => [Capital],
        AtlasRelation.Currency => [Currency],
        AtlasRelation.Continent => [Continent],
        AtlasRelation.Language => [Language],
        AtlasRelation.Demonym => [Demonym],
        AtlasRelation.Neighbour => Neighbours,
        _ => throw new ArgumentOutOfRangeException(nameof(relation)),
    };

    internal static string Capitalise(string text) => char.ToUpperInvariant(text[0]) + text[1..];
}
