using System.Text.RegularExpressions;

namespace HeadTap.Repo.Tests;

/// <summary>docs/kernels.md has a row for every op, and what a row names exists.</summary>
public partial class KernelTableTests
{
    [TestCaseSource(nameof(KernelClasses))]
    public void Every_kernel_class_has_a_row(string name)
    {
        Assert.That(Repository.Text("docs", "kernels.md"), Does.Contain(name), "no row in docs/kernels.md");
    }

    [TestCaseSource(nameof(FilesInTable))]
    public void What_the_table_names_exists(string file)
    {
        string[] found = Directory.GetFiles(Repository.Root, file, SearchOption.AllDirectories);
        Assert.That(found.Where(f => !f.Contains("artifacts", StringComparison.Ordinal)), Is.Not.Empty, file);
    }

    static IEnumerable<string> KernelClasses() => Repository.Sources("src/Kernels")
        .Select(f => Path.GetFileNameWithoutExtension(f)!)
        .Where(n => n.EndsWith("Kernels", StringComparison.Ordinal));

    static IEnumerable<string> FilesInTable() => FileName().Matches(Repository.Text("docs", "kernels.md"))
        .Select(m => Path.GetFileName(m.Groups["file"].Value)).Distinct();

    [GeneratedRegex(@"(?<file>[\w./]+\.cs)\b")]
    private static partial Regex FileName();
}
