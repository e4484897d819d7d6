using System.Text.RegularExpressions;

namespace HeadTap.Repo.Tests;

/// <summary>
/// tests/SKIPS.md names every test file that may skip, so a skip is a decision and not a habit.
/// </summary>
public partial class SkipTests
{
    [Test]
    public void Every_file_that_can_skip_is_listed_with_its_reason()
    {
        string skips = Repository.Text("tests", "SKIPS.md");
        foreach (string file in Repository.Sources("tests"))
            if (Skip().IsMatch(File.ReadAllText(file))
                && !file.EndsWith("SkipTests.cs", StringComparison.Ordinal))
                Assert.That(skips, Does.Contain(Path.GetFileName(file)), file);
    }

    [GeneratedRegex(@"Assert\.Ignore\(|Assert\.Inconclusive\(|\[Ignore|\[Explicit|Explicit\(")]
    private static partial Regex Skip();
}
