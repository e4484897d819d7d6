namespace HeadTap.Atlas;

/// <summary>What the atlas says about a country.</summary>
public enum AtlasRelation
{
    /// <summary>The capital city.</summary>
    Capital,

    /// <summary>The currency, without its article: "yen".</summary>
    Currency,

    /// <summary>The continent, one of <see cref="AtlasFacts.Continents"/>.</summary>
    Continent,

    /// <summary>One official language.</summary>
    Language,

    /// <summary>The adjective for people: "Japanese".</summary>
    Demonym,

    /// <summary>A country with a land border; the only relation with several answers, or none.</summary>
    Neighbour,
}
