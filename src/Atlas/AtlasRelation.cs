namespace HeadTap.Atlas;

/// <summary>A relation between a country and its facts in the atlas.</summary>
public enum AtlasRelation
{
    /// <summary>The capital city.</summary>
    Capital,

    /// <summary>The currency, without its article: "yen".</summary>
    Currency,

    /// <summary>The continent, one of <see cref="AtlasFacts.Continents"/>.</summary>
    Continent,

    /// <summary>An official language.</summary>
    Language,

    /// <summary>The adjective for people: "Japanese".</summary>
    Demonym,

    /// <summary>
    /// A country with a common land border; the only relation that can have several answers, or none.
    /// </summary>
    Neighbour,
}
