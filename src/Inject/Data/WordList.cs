using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Inject;

/// <summary>
/// Reads lists of words for the random baselines of arXiv 2309.05605: memories that are unrelated to the
/// question.
/// </summary>
public static class WordList
{
    static readonly (string Category, string Column)[] s_categories =
    [
        ("top-5000", "Top 5000 Words"), ("nouns", "Nouns"), ("verbs", "Verbs"), ("adjectives", "Adjectives"),
        ("adverbs", "Adverbs"), ("conjunctions", "Conjunctions"),
    ];

    /// <summary>Names of the word lists in the published file, top_word_types.csv.</summary>
    public static IReadOnlyList<string> Categories { get; } = [.. s_categories.Select(c => c.Category)];

    /// <summary>
    /// Reads words in the file's order. Repeated words are kept, and so are spaces, because they decide which
    /// token a word is.
    /// </summary>
    /// <param name="path">Path of a <c>.csv</c> or <c>.tsv</c> file with one column per category, or of a
    /// text file with one word per line.</param>
    /// <param name="category">One of <see cref="Categories"/> for a <c>.csv</c> file; null otherwise.</param>
    /// <exception cref="UserException">The file cannot be read or has no word; the category is missing, not
    /// in the file, or given for a file without categories.</exception>
    public static IReadOnlyList<string> Read(string path, string? category = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        bool isTable = TextRecords.IsCsv(path);
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
