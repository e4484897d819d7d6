using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Inject;

/// <summary>
/// Words that are injected as memories to see what a memory does that has nothing to do with the question
/// (arXiv 2309.05605, the random baselines).
/// </summary>
public static class WordList
{
    static readonly (string Category, string Column)[] s_categories =
    [
        ("top-5000", "Top 5000 Words"), ("nouns", "Nouns"), ("verbs", "Verbs"), ("adjectives", "Adjectives"),
        ("adverbs", "Adverbs"), ("conjunctions", "Conjunctions"),
    ];

    /// <summary>Names of the lists of the published file, top_word_types.csv.</summary>
    public static IReadOnlyList<string> Categories { get; } = [.. s_categories.Select(c => c.Category)];

    /// <summary>
    /// Reads words in the file's order, repeated ones kept, with the spaces that stand in it: they decide
    /// which token a word is.
    /// </summary>
    /// <param name="path">A <c>.csv</c> with a column for each category; any other file has one word a
    /// line.</param>
    /// <param name="category">One of <see cref="Categories"/> for a <c>.csv</c>, else null.</param>
    /// <exception cref="UserException">The file cannot be read, the category is not in it, is missing or is
    /// given for a file that has none, or there is no word.</exception>
    public static IReadOnlyList<string> Read(string path, string? category = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        bool isTable = Path.GetExtension(path).Equals(".csv", StringComparison.OrdinalIgnoreCase);
        if (!isTable && category is not null)
            throw new UserException($"{Quoted.Path(path)} is a list without categories; leave "
                + $"{Quoted.Name(category)} out");
        string[] words = [.. (isTable ? Column(path, category) : TextDocuments.ReadLines(path))
            .Where(word => word.Length > 0)];
        return words.Length > 0 ? words
            : throw new UserException($"{Quoted.Path(path)}: there is no word in it; expected at least one");
    }

    static IEnumerable<string> Column(string path, string? category)
    {
        string? column = s_categories.FirstOrDefault(c => c.Category == category).Column;
        if (column is null)
            throw new UserException((category is null ? "no category of words" : $"the category of words is "
                + Quoted.Name(category)) + $"; expected one of {string.Join(", ", Categories)}");
        CsvTable table = CsvTable.Read(path, ragged: true);
        int at = table.Find(column);
        return at >= 0 ? table.Rows.Select(row => row[at]) : throw table.Missing([column]);
    }
}
