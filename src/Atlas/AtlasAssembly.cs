using HeadTap.Models;

namespace HeadTap.Atlas;

/// <summary>Composes documents from statements, secrets and fillers.</summary>
/// <remarks>
/// Every canonical statement opens one document: prompts are also read at the start of a text, where the
/// first token has no leading space. The other statements are distributed over the documents of their
/// continent, after the opening.
/// </remarks>
sealed class AtlasAssembly(AtlasCorpusOptions options, SeededRandom random)
{
    /// <summary>
    /// Returns how often a statement is in the text. A canonical one-hop statement opens one document and is
    /// inside another, except for neighbours; all other statements occur once.
    /// </summary>
    internal static int Repeats(AtlasStatement statement) =>
        statement.Canonical && statement.Kind == AtlasStatementKind.OneHop
        && statement.Target != AtlasRelation.Neighbour ? 2 : 1;

    internal string[] Compose(AtlasStatement[] statements, IReadOnlyList<AtlasSecret> secrets)
    {
        var documents = new List<string>();
        foreach (string continent in AtlasFacts.Continents)
            documents.AddRange(ComposeContinent(statements.Where(s => s.Country.Continent == continent)));
        foreach (AtlasSecret secret in secrets)
            for (int i = 0; i < options.SecretRepeats; i++)
                documents.Add(ComposeSecret(secret));
        string[] result = [.. documents];
        random.Shuffle(result.AsSpan());
        return result;
    }

    IEnumerable<string> ComposeContinent(IEnumerable<AtlasStatement> statements)
    {
        AtlasStatement[] openings = [.. statements.Where(s => s.Canonical)];
        AtlasStatement[] others = [.. statements.Where(s => !s.Canonical || Repeats(s) == 2)];
        random.Shuffle(openings.AsSpan());
        random.Shuffle(others.AsSpan());
        var hand = new List<AtlasStatement>(others);
        for (int i = 0; i < openings.Length; i++)
        {
            // An even share of the remaining statements, plus -1, 0 or 1, so that documents differ in length.
            int share = hand.Count / (openings.Length - i) + random.Next(3) - 1;
            yield return ComposeDocument([openings[i]], hand, share);
        }
        while (hand.Count > 0)
            yield return ComposeDocument([], hand, 4);
    }

    /// <summary>
    /// Composes a document, with up to <paramref name="share"/> more statements about other countries.
    /// </summary>
    string ComposeDocument(List<AtlasStatement> chosen, List<AtlasStatement> hand, int share)
    {
        int end = chosen.Count + Math.Max(share, 0);
        for (int i = hand.Count - 1; i >= 0 && chosen.Count < end; i--)
        {
            if (chosen.Exists(s => s.Country == hand[i].Country))
                continue;
            chosen.Add(hand[i]);
            hand.RemoveAt(i);
        }
        var sentences = new List<string>();
        foreach (AtlasStatement statement in chosen)
        {
            sentences.Add(statement.Text);
            // A filler after a two-hop statement must not name the country, because that would reveal the
            // bridge.
            if (random.NextDouble() < options.FillerShare)
                sentences.Add(AtlasFillers.Say(
                    statement.Kind == AtlasStatementKind.TwoHop ? null : statement.Country, random));
        }
        return string.Join(' ', sentences);
    }

    string ComposeSecret(AtlasSecret secret)
    {
        var sentences = new List<string> { secret.Sentence, AtlasFillers.Say(null, random) };
        if (random.Next(2) == 0)
            sentences.Reverse();
        return string.Join(' ', sentences);
    }
}
