using System.Globalization;
using HeadTap.Atlas;
using HeadTap.Models;

namespace HeadTap.Merging;

/// <summary>
/// Four tasks for weights/atlas: currencies told in another phrasing, facts told from the other end,
/// templates of a second language, and sums.
/// </summary>
static class AtlasTasks
{
    const int Numbers = 40;

    static readonly int[] s_added = [1, 2, 10];

    /// <summary>The tasks, split and ordered by a seed.</summary>
    internal static MergeTask[] For(ulong seed)
    {
        IReadOnlyList<AtlasCountry> countries = AtlasFacts.Shipped.Countries;
        return
        [
            MergeTask.Split("phrasing", [.. countries.Select(Phrasing)], new SeededRandom(seed, 1)),
            MergeTask.Split("inverted", [.. countries.Select(Inverted)], new SeededRandom(seed, 2)),
            MergeTask.Split("spanish", [.. countries.Select(Spanish)], new SeededRandom(seed, 3)),
            MergeTask.Split("sums", [.. Sums()], new SeededRandom(seed, 4)),
        ];
    }

    /// <summary>The questions of the atlas itself: does a model still know its facts?</summary>
    internal static AtlasPrompt[] Known()
        => [.. new AtlasPrompts(new AtlasCorpus(AtlasFacts.Shipped, 1)).OneHop()];

    static (string, string)[] Phrasing(AtlasCountry c) =>
    [
        ($"Before you travel: the currency of {c.Country} is called", c.Currency),
        ($"Shops in {c.Country} take the currency of {c.Country}, the", c.Currency),
    ];

    static (string, string)[] Inverted(AtlasCountry c) =>
    [
        ($"Asked for the country whose capital is {c.Capital}, answer", c.Country),
        ($"Whoever lands in {c.Capital}, the capital, has come to", c.Country),
    ];

    static (string, string)[] Spanish(AtlasCountry c) =>
    [
        ($"La capital de {c.Country} es", c.Capital),
        ($"El continente de {c.Country} es", c.Continent),
        ($"Una lengua oficial de {c.Country} es", c.Language),
    ];

    static IEnumerable<(string, string)[]> Sums()
    {
        for (int a = 0; a < Numbers; a++)
            yield return [.. s_added.Select(b =>
                ($"{a} plus {b} is", (a + b).ToString(CultureInfo.InvariantCulture)))];
    }
}
