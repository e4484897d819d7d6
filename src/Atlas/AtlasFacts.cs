using System.Reflection;
using System.Text;
using HeadTap.Runtime;

namespace HeadTap.Atlas;

/// <summary>
/// The table of real-world facts that <c>weights/atlas</c> is trained on: the 193 member states of the United
/// Nations as of 2025. weights/atlas/README.md says which value the table has where there are several.
/// </summary>
public sealed class AtlasFacts
{
    const string Resource = "HeadTap.Atlas.facts.tsv";
    const string Header = "country\tcapital\tcurrency\tcontinent\tlanguage\tdemonym\tneighbours";

    static readonly Lazy<AtlasFacts> s_shipped = new(LoadShipped);

    readonly Dictionary<string, AtlasCountry> _byName;
    readonly Dictionary<(AtlasRelation, string), int> _holders = [];

    AtlasFacts(IReadOnlyList<AtlasCountry> countries)
    {
        Countries = countries;
        _byName = countries.ToDictionary(c => c.Country, StringComparer.Ordinal);
        foreach (AtlasCountry country in countries)
            foreach (AtlasRelation relation in Enum.GetValues<AtlasRelation>())
                foreach (string answer in country.Answers(relation))
                    _holders[(relation, answer)] = _holders.GetValueOrDefault((relation, answer)) + 1;
    }

    /// <summary>
    /// The continents that a row may name. Central America and the Caribbean belong to North America.
    /// </summary>
    public static IReadOnlyList<string> Continents { get; } =
        ["Africa", "Asia", "Europe", "North America", "Oceania", "South America"];

    /// <summary>The table that is built into the program.</summary>
    public static AtlasFacts Shipped => s_shipped.Value;

    /// <summary>All countries, in the order of the table.</summary>
    public IReadOnlyList<AtlasCountry> Countries { get; }

    /// <summary>Gets a country by its name as in <see cref="AtlasCountry.Country"/>.</summary>
    /// <exception cref="UserException">The table has no such country.</exception>
    public AtlasCountry this[string country] => _byName.TryGetValue(country, out AtlasCountry? found)
        ? found
        : throw new UserException(
            $"The atlas has no country \"{country}\". Write it as in a sentence: \"the Netherlands\".");

    /// <summary>
    /// Returns whether a country has exactly one value for the relation and no other country has that value.
    /// </summary>
    public bool IsUnique(AtlasCountry country, AtlasRelation relation) =>
        country.Answers(relation) is [string only] && _holders[(relation, only)] == 1;

    /// <summary>
    /// Returns whether <paramref name="hint"/> contains a word of <paramref name="answer"/>, so that the
    /// answer can be copied from the hint: "Danish krone" and "Danish", "Mexican peso" and "Mexico City". Two
    /// words count as the same if they are equal or share their first four letters.
    /// </summary>
    public static bool GivesAway(string hint, string answer)
    {
        foreach (string a in Words(hint))
            foreach (string b in Words(answer))
                if (a == b || (a.Length >= 4 && b.Length >= 4 && a[..4] == b[..4]))
                    return true;
        return false;
    }

    /// <summary>
    /// Returns whether a text contains another as whole words: "Kuwait City" contains "Kuwait".
    /// </summary>
    internal static bool HoldsWords(string text, string inside) =>
        $" {text} ".Replace('-', ' ').Contains($" {inside.Replace('-', ' ')} ", StringComparison.Ordinal);

    /// <summary>Parses and checks a table.</summary>
    /// <param name="text">Tab-separated table; the first line names the columns, the last column is separated
    /// by semicolons.</param>
    /// <param name="source">Name of the text in messages.</param>
    /// <exception cref="UserException">A row is malformed or contradicts another.</exception>
    public static AtlasFacts Parse(string text, string source)
    {
        string[] lines = text.TrimEnd('\n').Split('\n');
        if (lines[0] != Header)
            throw new UserException($"{source}: the first line must name the columns: {Header}");
        var countries = new List<AtlasCountry>();
        for (int i = 1; i < lines.Length; i++)
            countries.Add(ParseRow(lines[i], $"{source} line {i + 1}"));
        RequireDistinct(countries, AtlasRelation.Capital, source);
        RequireNeighbours(countries, source);
        return new AtlasFacts(countries);
    }

    static AtlasFacts LoadShipped()
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(Resource)
            ?? throw new InvalidOperationException($"{Resource} is not embedded.");
        using var reader = new StreamReader(stream, Encoding.UTF8);
        // A checkout with CRLF line ends embeds CRLF.
        return Parse(reader.ReadToEnd().Replace("\r\n", "\n", StringComparison.Ordinal), "facts.tsv");
    }

    static AtlasCountry ParseRow(string line, string where)
    {
        string[] fields = line.Split('\t');
        if (fields.Length != 7)
            throw new UserException($"{where}: {Counted.Of(fields.Length, "column")}, expected 7 separated "
                + "by tabs.");
        string[] neighbours = fields[6].Length == 0 ? [] : fields[6].Split(';');
        foreach (string value in fields.Take(6).Concat(neighbours))
            if (value.Length == 0 || value != value.Trim() || value.Contains("  ", StringComparison.Ordinal))
                throw new UserException($"{where}: \"{value}\" is empty or has stray spaces.");
        if (!Continents.Contains(fields[3]))
            throw new UserException(
                $"{where}: continent \"{fields[3]}\", expected one of {string.Join(", ", Continents)}.");
        return new AtlasCountry(fields[0], fields[1], fields[2], fields[3], fields[4], fields[5], neighbours);
    }

    static void RequireDistinct(List<AtlasCountry> countries, AtlasRelation relation, string source)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        var values = new HashSet<string>(StringComparer.Ordinal);
        foreach (AtlasCountry country in countries)
        {
            if (!names.Add(country.Country))
                throw new UserException($"{source}: \"{country.Country}\" has two rows, expected one.");
            if (!values.Add(country.Answers(relation)[0]))
                throw new UserException(
                    $"{source}: two countries have the {relation} \"{country.Answers(relation)[0]}\".");
        }
    }

    static void RequireNeighbours(List<AtlasCountry> countries, string source)
    {
        var byName = countries.ToDictionary(c => c.Country, StringComparer.Ordinal);
        foreach (AtlasCountry country in countries)
            foreach (string neighbour in country.Neighbours)
            {
                if (!byName.TryGetValue(neighbour, out AtlasCountry? other))
                    throw new UserException(
                        $"{source}: {country.Country} borders \"{neighbour}\", which has no row.");
                if (other == country || !other.Neighbours.Contains(country.Country)
                    || country.Neighbours.Count(n => n == neighbour) != 1)
                    throw new UserException(
                        $"{source}: {country.Country} and {neighbour} must list each other once.");
            }
    }

    static IEnumerable<string> Words(string text) => text.ToLowerInvariant()
        .Split([' ', '-'], StringSplitOptions.RemoveEmptyEntries)
        .Where(w => w is not ("the" or "and" or "of" or "city"));
}
