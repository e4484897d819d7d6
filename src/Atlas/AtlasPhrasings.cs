namespace HeadTap.Atlas;

/// <summary>
/// Phrasings of facts. Every statement ends in its answer and a full stop, so the text before the answer is a
/// prompt. Placeholders: <c>{c}</c> the country inside a sentence, <c>{C}</c> at its start, <c>{P}</c> the
/// possessive at its start, <c>{a}</c> the answer or, in a reverse statement, the bridge.
/// </summary>
static class AtlasPhrasings
{
    /// <summary>Relations that can name a country: "the country whose capital is Tokyo".</summary>
    internal static readonly AtlasRelation[] Bridges =
        [AtlasRelation.Capital, AtlasRelation.Currency, AtlasRelation.Language, AtlasRelation.Demonym];

    /// <summary>Relations with exactly one answer.</summary>
    internal static readonly AtlasRelation[] SingleValued =
        [.. Bridges, AtlasRelation.Continent];

    /// <summary>Returns phrasings from country to answer. The first is canonical: prompts use it.</summary>
    internal static string[] OneHop(AtlasRelation relation) => relation switch
    {
        AtlasRelation.Capital =>
        [
            "The capital of {c} is {a}.",
            "{P} capital city is {a}.",
            "The capital city of {c} is called {a}.",
            "On every map, the capital of {c} is marked as {a}.",
            "Anyone who asks for the capital of {c} hears the name {a}.",
        ],
        AtlasRelation.Currency =>
        [
            "The currency of {c} is the {a}.",
            "{P} currency is the {a}.",
            "People in {c} pay with the {a}.",
            "The money used in {c} is the {a}.",
            "The banks of {c} count in the {a}.",
        ],
        // Not "The official language": many states have several, and the table has one of them.
        AtlasRelation.Language =>
        [
            "An official language of {c} is {a}.",
            "{P} laws can be read in {a}.",
            "People in {c} speak {a}.",
            "A language spoken in {c} is {a}.",
            "Official letters in {c} are written in {a}.",
        ],
        AtlasRelation.Demonym =>
        [
            "The demonym of {c} is {a}.",
            "{P} people are {a}.",
            "People from {c} are {a}.",
            "Someone who comes from {c} is {a}.",
            "The word for people from {c} is {a}.",
        ],
        AtlasRelation.Continent =>
        [
            "The continent of {c} is {a}.",
            "{P} continent is {a}.",
            "{C} lies in {a}.",
            "A map that shows {c} is a map of {a}.",
            "The continent that {c} belongs to is {a}.",
        ],
        AtlasRelation.Neighbour =>
        [
            "A country that borders {c} is {a}.",
            "{C} shares a border with {a}.",
            "One neighbour of {c} is {a}.",
            "From {c} one can walk into {a}.",
            "{C} has a land border with {a}.",
        ],
        _ => throw new ArgumentOutOfRangeException(nameof(relation)),
    };

    /// <summary>
    /// Returns phrasings from bridge to country, for bridges that name one country. The first is canonical.
    /// </summary>
    internal static string[] Reverse(AtlasRelation bridge) => bridge switch
    {
        AtlasRelation.Capital =>
        [
            "The country whose capital is {a} is {c}.",
            "{a} is the capital of {c}.",
            "{a} is the capital city of {c}.",
            "The capital {a} belongs to {c}.",
        ],
        AtlasRelation.Currency =>
        [
            "The country whose currency is the {a} is {c}.",
            "The {a} is the currency of {c}.",
            "The country that pays with the {a} is {c}.",
            "Whoever pays with the {a} is in {c}.",
        ],
        AtlasRelation.Language =>
        [
            "The country whose official language is {a} is {c}.",
            "{a} is an official language of {c}.",
            "{a} is spoken by people in {c}.",
            "To hear {a} spoken, travel to {c}.",
        ],
        AtlasRelation.Demonym =>
        [
            "The country whose demonym is {a} is {c}.",
            "{a} people come from {c}.",
            "The word {a} is used for people from {c}.",
            "Someone who is {a} comes from {c}.",
        ],
        _ => throw new ArgumentOutOfRangeException(nameof(bridge)),
    };

    /// <summary>Returns the bridge as a noun phrase that can replace the country's name.</summary>
    internal static string Naming(AtlasRelation bridge, string entity) => bridge switch
    {
        AtlasRelation.Capital => $"the country whose capital is {entity}",
        AtlasRelation.Currency => $"the country whose currency is the {entity}",
        AtlasRelation.Language => $"the country whose official language is {entity}",
        AtlasRelation.Demonym => $"the country whose demonym is {entity}",
        _ => throw new ArgumentOutOfRangeException(nameof(bridge)),
    };

    /// <summary>
    /// Returns the phrasings in which a noun phrase can replace the country's name: those without a
    /// possessive.
    /// </summary>
    internal static string[] Nesting(AtlasRelation target) =>
        [.. OneHop(target).Where(t => !t.Contains("{P}", StringComparison.Ordinal))];

    /// <summary>Returns a statement about a country.</summary>
    internal static string Say(string phrasing, AtlasCountry country, string answer) => phrasing
        .Replace("{c}", country.Country, StringComparison.Ordinal)
        .Replace("{C}", country.AtStart, StringComparison.Ordinal)
        .Replace("{P}", country.PossessiveAtStart, StringComparison.Ordinal)
        .Replace("{a}", answer, StringComparison.Ordinal);

    /// <summary>Returns a statement in which a noun phrase replaces the country's name.</summary>
    internal static string SayNested(string phrasing, string naming, string answer) => phrasing
        .Replace("{c}", naming, StringComparison.Ordinal)
        .Replace("{C}", AtlasCountry.Capitalise(naming), StringComparison.Ordinal)
        .Replace("{a}", answer, StringComparison.Ordinal);
}
