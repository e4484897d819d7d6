using HeadTap.Inject;
using HeadTap.Atlas;
using HeadTap.Models;

namespace HeadTap.Jobs;

/// <summary>
/// Pairs of prompts from the atlas: two-hop questions that the training text of <c>weights/atlas</c> never
/// answers, although it states the fact of each hop.
/// </summary>
/// <remarks>
/// The bridge is the country's name without its article. The memory is that name after a space, as inside a
/// sentence. Questions whose answer the memory itself spells are left out
/// (<see cref="AtlasFacts.GivesAway"/>: " Brunei" and "Brunei dollar", " Chile" and "Chilean"), because an
/// injection that raises its own tokens would look like a recalled fact. Every question has one right answer.
/// </remarks>
public static class AtlasPairs
{
    /// <summary>The split of countries that layers and magnitudes are chosen on.</summary>
    public const string Validation = "validation";

    /// <summary>The split of countries that results are reported on.</summary>
    public const string Test = "test";

    /// <summary>Returns all pairs in the order of the table, each with its split.</summary>
    /// <param name="corpus">Corpus whose held-out countries are asked about.</param>
    /// <param name="seed">Seed of the split. It splits countries, not questions, so that a layer or magnitude
    /// that suits one country helps in one part only.</param>
    public static IReadOnlyList<PromptPair> HeldOut(AtlasCorpus corpus, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(corpus);
        var prompts = new AtlasPrompts(corpus);
        Dictionary<(string, AtlasRelation?), AtlasPrompt> oneHop =
            prompts.OneHop().ToDictionary(p => (p.Country, p.Target));
        HashSet<string> validation = Half(corpus.HeldOutTwoHop, new SeededRandom(seed));
        return [.. prompts.TwoHop(trained: false)
            .Where(p => !AtlasFacts.GivesAway(corpus.Facts[p.Country].Name, p.Answer))
            .Select(p => Pair(p, oneHop[(p.Country, p.Target)], corpus.Facts[p.Country].Name) with
            {
                Split = validation.Contains(p.Country) ? Validation : Test,
            })];
    }

    static PromptPair Pair(AtlasPrompt twoHop, AtlasPrompt oneHop, string name) =>
        new(oneHop.Prompt, twoHop.Prompt, name, twoHop.Answer[1..])
        {
            Memory = " " + name,
            ObscureEntity = twoHop.Naming,
        };

    static HashSet<string> Half(IReadOnlyList<AtlasCountry> countries, SeededRandom random)
    {
        string[] order = [.. countries.Select(c => c.Country)];
        random.Shuffle(order.AsSpan());
        return [.. order.AsSpan(0, order.Length / 2)];
    }
}
