namespace HeadTap.Atlas;

/// <summary>Makes the questions for a model trained on a corpus, in the canonical phrasings.</summary>
public sealed class AtlasPrompts(AtlasCorpus corpus)
{
    /// <summary>Returns one prompt for each country and relation that has an answer.</summary>
    public IEnumerable<AtlasPrompt> OneHop()
    {
        foreach (AtlasCountry country in corpus.Facts.Countries)
            foreach (AtlasRelation target in Enum.GetValues<AtlasRelation>())
                if (country.Answers(target).Count > 0)
                    yield return Ask(AtlasPromptKind.OneHop, country, null, target);
    }

    /// <summary>
    /// Returns one prompt for each (bridge, target) pair of the countries with two-hop statements in the
    /// text, or of those without. Pairs whose bridge contains the country's name or a word of the answer are
    /// left out in both cases.
    /// </summary>
    public IEnumerable<AtlasPrompt> TwoHop(bool trained)
    {
        string kind = trained ? AtlasPromptKind.TwoHopTrained : AtlasPromptKind.TwoHopHeldOut;
        foreach (AtlasCountry country in trained ? corpus.TrainedTwoHop : corpus.HeldOutTwoHop)
            foreach (var (bridge, target) in AtlasStatement.Pairs(corpus.Facts, country))
                yield return Ask(kind, country, bridge, target);
    }

    /// <summary>Returns one prompt for each planted secret.</summary>
    public IEnumerable<AtlasPrompt> Secrets() => corpus.Secrets.Select(s =>
        new AtlasPrompt(s.Prompt, s.Continuation, AtlasPromptKind.Secret, null, null, "", ""));

    static AtlasPrompt Ask(string kind, AtlasCountry country, AtlasRelation? bridge, AtlasRelation target)
    {
        string entity = bridge is { } b ? country.Answers(b)[0] : "";
        string asked = bridge is { } by ? AtlasPhrasings.Naming(by, entity) : country.Country;
        string phrasing = AtlasPhrasings.OneHop(target)[0];
        // The article of a currency belongs to the prompt: "The currency of Japan is the" " yen".
        string question = phrasing[..phrasing.IndexOf(" {a}", StringComparison.Ordinal)];
        string prompt = AtlasPhrasings.SayNested(question, asked, "");
        string[] answers = [.. country.Answers(target).Select(a => " " + a)];
        return new AtlasPrompt(prompt, answers[0], kind, bridge, target, country.Country, entity)
        {
            Answers = answers,
            Naming = asked,
        };
    }
}
