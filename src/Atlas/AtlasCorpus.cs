using System.Globalization;
using System.Text;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Atlas;

/// <summary>
/// The text that <c>weights/atlas</c> is trained on, made from the facts and a seed: documents of a few
/// statements about different countries with narrative between them.
/// </summary>
/// <remarks>
/// Three rules make the two-hop experiment clean:
/// <list type="bullet">
/// <item>one-hop and reverse statements exist for all countries; two-hop statements exist only for
/// <see cref="TrainedTwoHop"/>;</item>
/// <item>a document never has two statements about one country, so except in two-hop statements a capital and
/// its currency are never in the same document: a model can connect them only through the country;</item>
/// <item>pairs whose bridge contains a word of the answer are left out (<see cref="AtlasFacts.GivesAway"/>).
/// </item>
/// </list>
/// With the defaults a corpus has about 0.97 million characters, which are 196 thousand tokens of its own
/// byte-pair vocabulary of 2,540 (every pair that occurs more often than a secret). Each single-valued fact
/// occurs six times, each two-hop and reverse fact four times: 25 epochs, 5 million tokens, show each at
/// least 100 times. <see cref="Describe"/> returns the exact numbers.
/// </remarks>
public sealed class AtlasCorpus
{
    // One random stream per part: more secrets do not change the split, other fillers do not change a code.
    const ulong SplitStream = 1, SecretStream = 2, DocumentStream = 3;

    readonly AtlasStatement[] _statements;
    readonly AtlasCorpusOptions _options;

    /// <summary>Generates the documents of the shipped facts for a seed, with the default options.</summary>
    public static IEnumerable<string> ShippedDocuments(ulong seed)
        => new AtlasCorpus(AtlasFacts.Shipped, seed).Documents;

    /// <summary>Generates the corpus; the same arguments give the same documents on every machine.</summary>
    /// <exception cref="UserException">An option is outside its range.</exception>
    public AtlasCorpus(AtlasFacts facts, ulong seed, AtlasCorpusOptions? options = null)
    {
        Facts = facts;
        _options = options ?? new AtlasCorpusOptions();
        _options.Check();
        (TrainedTwoHop, HeldOutTwoHop) =
            Split(facts, _options.TwoHopShare, new SeededRandom(seed, SplitStream));
        Secrets = AtlasSecret.Plant(_options.Secrets, new SeededRandom(seed, SecretStream));
        _statements =
        [
            .. facts.Countries.SelectMany(AtlasStatement.OneHop),
            .. facts.Countries.SelectMany(c => AtlasStatement.Reverse(facts, c)),
            .. TrainedTwoHop.SelectMany(c => AtlasStatement.TwoHop(facts, c, _options.TwoHopVariants)),
        ];
        var assembly = new AtlasAssembly(_options, new SeededRandom(seed, DocumentStream));
        Documents = assembly.Compose(_statements, Secrets);
    }

    /// <summary>Table of facts that the text is made from.</summary>
    public AtlasFacts Facts { get; }

    /// <summary>
    /// Documents in training order, one paragraph each, without end-of-text token and line ends.
    /// </summary>
    public IReadOnlyList<string> Documents { get; }

    /// <summary>Countries with two-hop statements in the text, in the order of the table.</summary>
    public IReadOnlyList<AtlasCountry> TrainedTwoHop { get; }

    /// <summary>Countries without two-hop statements in the text, in the order of the table.</summary>
    public IReadOnlyList<AtlasCountry> HeldOutTwoHop { get; }

    /// <summary>Secrets that are planted in the text.</summary>
    public IReadOnlyList<AtlasSecret> Secrets { get; }

    /// <summary>Returns a table of what the text contains and how often each kind of fact occurs.</summary>
    public string Describe()
    {
        long characters = Documents.Sum(d => (long)d.Length);
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture,
            $"countries  {TrainedTwoHop.Count} with two-hop statements, {HeldOutTwoHop.Count} held out");
        text.AppendLine(CultureInfo.InvariantCulture,
            $"documents  {Documents.Count}, {characters} characters, mean {characters / Documents.Count}");
        text.AppendLine(
            "kind         facts  sentences  times told: fewest   mean   most  epochs to 100 times");
        AppendKind(text, "one-hop",
            s => s.Kind == AtlasStatementKind.OneHop && s.Target != AtlasRelation.Neighbour);
        AppendKind(text, "neighbours", s => s.Target == AtlasRelation.Neighbour);
        AppendKind(text, "reverse", s => s.Kind == AtlasStatementKind.Reverse);
        AppendKind(text, "two-hop", s => s.Kind == AtlasStatementKind.TwoHop);
        int told = _options.SecretRepeats;
        AppendRow(text, "secrets", Secrets.Count, Secrets.Count * told, told, told, told);
        return text.ToString();
    }

    void AppendKind(StringBuilder text, string name, Func<AtlasStatement, bool> belongs)
    {
        // Neighbours count as one fact per country, because any neighbour is a right answer.
        int[] told = [.. _statements.Where(belongs)
            .GroupBy(s => (s.Country.Country, s.Bridge, s.Target))
            .Select(g => g.Sum(AtlasAssembly.Repeats))];
        if (told.Length > 0)
            AppendRow(text, name, told.Length, told.Sum(), told.Min(), told.Average(), told.Max());
    }

    static void AppendRow(
        StringBuilder text, string name, int facts, int sentences, int fewest, double mean, int most)
    {
        double epochs = Math.Ceiling(100.0 / Math.Max(fewest, 1));
        text.AppendLine(CultureInfo.InvariantCulture,
            $"{name,-11} {facts,6} {sentences,10} {fewest,19} {mean,6:F1} {most,6} {epochs,20}");
    }

    static (AtlasCountry[] Trained, AtlasCountry[] HeldOut) Split(
        AtlasFacts facts, double share, SeededRandom random)
    {
        int[] order = [.. Enumerable.Range(0, facts.Countries.Count)];
        random.Shuffle(order.AsSpan());
        int trained = (int)Math.Round(share * order.Length);
        return (Pick(order.AsSpan(0, trained)), Pick(order.AsSpan(trained)));

        AtlasCountry[] Pick(Span<int> rows)
        {
            rows.Sort();
            return [.. rows.ToArray().Select(i => facts.Countries[i])];
        }
    }
}
