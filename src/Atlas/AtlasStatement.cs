namespace HeadTap.Atlas;

/// <summary>The direction of a statement: which part of a fact leads to which.</summary>
enum AtlasStatementKind
{
    OneHop,
    Reverse,
    TwoHop,
}

/// <summary>One sentence of the corpus that states a fact.</summary>
/// <param name="Kind">Direction: country to answer, bridge to country, or bridge to answer.</param>
/// <param name="Country">Country that the sentence is about, even if the sentence does not name it.</param>
/// <param name="Bridge">Relation that names the country; null for
/// <see cref="AtlasStatementKind.OneHop"/>.</param>
/// <param name="Target">Relation that the sentence states; null for
/// <see cref="AtlasStatementKind.Reverse"/>.</param>
/// <param name="Text">Text of the sentence, with the full stop.</param>
/// <param name="Canonical">Whether the phrasing is the one that prompts use.</param>
sealed record AtlasStatement(
    AtlasStatementKind Kind,
    AtlasCountry Country,
    AtlasRelation? Bridge,
    AtlasRelation? Target,
    string Text,
    bool Canonical)
{
    /// <summary>Returns every phrasing of every fact of a country.</summary>
    internal static IEnumerable<AtlasStatement> OneHop(AtlasCountry country)
    {
        foreach (AtlasRelation relation in Enum.GetValues<AtlasRelation>())
        {
            IReadOnlyList<string> answers = country.Answers(relation);
            string[] phrasings = AtlasPhrasings.OneHop(relation);
            // Each phrasing occurs at least once and each neighbour at least twice. Each round shifts by two
            // phrasings, so a country with few neighbours gets all five, and no neighbour gets one phrasing
            // twice.
            int count = answers.Count == 0 ? 0 : Math.Max(phrasings.Length, 2 * answers.Count);
            for (int i = 0; i < count; i++)
            {
                int a = i % answers.Count;
                int p = (a + 2 * (i / answers.Count)) % phrasings.Length;
                yield return new AtlasStatement(AtlasStatementKind.OneHop, country, null, relation,
                    AtlasPhrasings.Say(phrasings[p], country, answers[a]), p == 0);
            }
        }
    }

    /// <summary>Returns every phrasing of every bridge that names only this country.</summary>
    internal static IEnumerable<AtlasStatement> Reverse(AtlasFacts facts, AtlasCountry country)
    {
        foreach (AtlasRelation bridge in AtlasPhrasings.Bridges)
        {
            if (!facts.IsUnique(country, bridge))
                continue;
            string[] phrasings = AtlasPhrasings.Reverse(bridge);
            for (int i = 0; i < phrasings.Length; i++)
                yield return new AtlasStatement(AtlasStatementKind.Reverse, country, bridge, null,
                    AtlasPhrasings.Say(phrasings[i], country, country.Answers(bridge)[0]), i == 0);
        }
    }

    /// <summary>
    /// Returns the (bridge, target) pairs of a country. The bridge must name only this country, must not
    /// contain its name ("Kuwait City" would be one hop) and must not contain a word of the answer
    /// (<see cref="AtlasFacts.GivesAway"/>; that would be no hop).
    /// </summary>
    internal static IEnumerable<(AtlasRelation Bridge, AtlasRelation Target)> Pairs(
        AtlasFacts facts, AtlasCountry country)
    {
        foreach (AtlasRelation bridge in AtlasPhrasings.Bridges)
        {
            string entity = country.Answers(bridge)[0];
            if (!facts.IsUnique(country, bridge) || AtlasFacts.HoldsWords(entity, country.Name))
                continue;
            foreach (AtlasRelation target in AtlasPhrasings.SingleValued)
                if (bridge != target && !AtlasFacts.GivesAway(entity, country.Answers(target)[0]))
                    yield return (bridge, target);
        }
    }

    /// <summary>
    /// Returns the canonical statement of each pair, then <paramref name="variants"/> more.
    /// </summary>
    internal static IEnumerable<AtlasStatement> TwoHop(AtlasFacts facts, AtlasCountry country, int variants)
    {
        foreach ((AtlasRelation bridge, AtlasRelation target) in Pairs(facts, country))
        {
            string naming = AtlasPhrasings.Naming(bridge, country.Answers(bridge)[0]);
            string[] phrasings = AtlasPhrasings.Nesting(target);
            for (int i = 0; i <= variants; i++)
                yield return new AtlasStatement(AtlasStatementKind.TwoHop, country, bridge, target,
                    AtlasPhrasings.SayNested(phrasings[i], naming, country.Answers(target)[0]), i == 0);
        }
    }
}
