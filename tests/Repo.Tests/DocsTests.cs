using System.Text.RegularExpressions;

namespace HeadTap.Repo.Tests;

/// <summary>
/// The pages of the repository: lines end at column 120, links lead to files, and named source files exist.
/// </summary>
public partial class DocsTests
{
    const int Columns = 120;

    static readonly HashSet<string> s_sources = [.. new[] { "src", "tests", "bench" }
        .SelectMany(Repository.Sources).Select(f => Path.GetFileName(f)!)];

    [TestCaseSource(nameof(Pages))]
    public void No_line_of_prose_is_longer_than_120_columns(string page)
    {
        // Tables and blocks of code stay as they are: a row cannot break, and a block is what a program
        // prints.
        string prose = Fence().Replace(Repository.Text(page), "");
        Assert.That(prose.Split('\n').Where(
            line => !line.StartsWith('|') && line.EnumerateRunes().Count() > Columns), Is.Empty);
    }

    [TestCaseSource(nameof(Pages))]
    public void Links_lead_to_files(string page)
    {
        string folder = Path.GetDirectoryName(Repository.At(page))!;
        string[] missing = [.. Link().Matches(Fence().Replace(Repository.Text(page), ""))
            .Select(link => Path.GetFullPath(Path.Combine(folder, link.Groups["path"].Value)))
            .Where(path => !File.Exists(path) && !Directory.Exists(path))];
        Assert.That(missing, Is.Empty);
    }

    [TestCaseSource(nameof(Pages))]
    public void Source_files_that_a_page_names_exist(string page)
    {
        // The log tells what was, and may name files that are gone.
        if (page.EndsWith("log.md", StringComparison.Ordinal) || page == "CHANGELOG.md")
            return;
        string[] missing = [.. FileName().Matches(Repository.Text(page))
            .Select(m => m.Groups["file"].Value).Where(name => !s_sources.Contains(name)).Distinct()];
        Assert.That(missing, Is.Empty);
    }

    [TestCase("docs/add-a-method.md")]
    [TestCase("docs/add-an-architecture.md")]
    [TestCase("docs/add-an-op.md")]
    public void Names_on_a_page_that_says_how_to_add_something_exist(string page)
    {
        string[] names =
            [.. Quoted().Matches(Repository.Text(page)).Select(m => m.Groups["name"].Value).Distinct()];
        string[] missing = [.. names.Where(name => !Exists(name))];
        Assert.That(names, Has.Length.AtLeast(5));
        Assert.That(missing, Is.Empty);

        // A path, or an identifier of the code: a member is looked for by its last part.
        static bool Exists(string name)
            => name.Contains('/')
                ? File.Exists(Repository.At(name)) || Directory.Exists(Repository.At(name))
                : s_sources.Contains(name) || !Identifier().IsMatch(name)
                    || name.Split('.').All(part => s_words.Value.Contains(part));
    }

    [TestCaseSource(nameof(Pages))]
    public void Source_files_are_in_the_folders_that_a_page_names(string page)
    {
        if (page.EndsWith("log.md", StringComparison.Ordinal) || page == "CHANGELOG.md")
            return;
        string[] missing = [.. FilePath().Matches(Repository.Text(page))
            .Select(m => m.Groups["path"].Value).Where(p => !File.Exists(Repository.At(p))).Distinct()];
        Assert.That(missing, Is.Empty);
    }

    static IEnumerable<string> Pages() =>
    [
        "README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", Path.Combine("tests", "SKIPS.md"),
        .. new[] { "docs", "weights", Path.Combine("bench", "results") }
            .SelectMany(folder => Directory.GetFiles(
                Repository.At(folder), "*.md", SearchOption.AllDirectories))
            .Concat(Directory.GetDirectories(Repository.At("src"))
                .Select(folder => Path.Combine(folder, "README.md")).Where(File.Exists))
            .Select(file => Path.GetRelativePath(Repository.Root, file)).Order(StringComparer.Ordinal),
    ];

    // Every word of the source: a name that a page keeps after a rename is none of them.
    static readonly Lazy<HashSet<string>> s_words = new(() => [.. new[] { "src", "tests" }
        .SelectMany(Repository.Sources)
        .SelectMany(file => Word().Matches(File.ReadAllText(file)).Select(m => m.Value))]);

    [GeneratedRegex(@"(?<=`)(?<name>[^`\s<>{}]+)(?=`)")]
    private static partial Regex Quoted();

    [GeneratedRegex(@"^[A-Z]\w+(\.[A-Z]\w+)*$")]
    private static partial Regex Identifier();

    [GeneratedRegex(@"\w+")]
    private static partial Regex Word();

    [GeneratedRegex(@"(?sm)^\s*```.*?^\s*```")]
    private static partial Regex Fence();

    [GeneratedRegex(@"\]\((?<path>[^)#:]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"(?<![\w>.])(?<file>\w[\w.]*\.cs)\b")]
    private static partial Regex FileName();

    [GeneratedRegex(@"(?<![\w./])(?<path>(?:src|tests|bench|samples)/[\w./-]+\.cs)\b")]
    private static partial Regex FilePath();
}
