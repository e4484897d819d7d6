namespace HeadTap.Atlas;

/// <summary>A country with its facts: one row of the table.</summary>
/// <param name="Country">Name as written inside a sentence: "Japan", "the Netherlands".</param>
/// <param name="Capital">Capital city.</param>
/// <param name="Currency">Currency without its article: "yen".</param>
/// <param name="Continent">One of <see cref="AtlasFacts.Continents"/>.</param>
/// <param name="Language">An official language.</param>
/// <param name="Demonym">Adjective for people: "Japanese".</param>
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
    /// <summary>Name without its article: "Netherlands".</summary>
    public string Name => Country.StartsWith("the ", StringComparison.Ordinal) ? Country[4..] : Country;

    /// <summary>Name at the start of a sentence: "The Netherlands".</summary>
    public string AtStart => Capitalise(Country);

    /// <summary>Possessive at the start of a sentence: "Japan's", "The Netherlands'".</summary>
    public string PossessiveAtStart => AtStart + (Country.EndsWith('s') ? "'" : "'s");

    /// <summary>Returns the right answers for a relation, as in the table; empty if there are none.</summary>
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
