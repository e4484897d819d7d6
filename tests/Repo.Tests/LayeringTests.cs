using System.Xml.Linq;

namespace HeadTap.Repo.Tests;

/// <summary>
/// Kernels ← Runtime ← Models ← { Lens, Inject, Unlearn, Merge, Circuits } ← Jobs ← Serve ← Cli; Atlas on
/// Models; Reports alone.
/// </summary>
public class LayeringTests
{
    static readonly Dictionary<string, string[]> Allowed = new()
    {
        ["Kernels"] = [],
        ["Runtime"] = ["Kernels"],
        ["Models"] = ["Runtime"],
        ["Atlas"] = ["Models", "Runtime"],
        ["Reports"] = [],
        ["Lens"] = ["Models", "Runtime"],
        ["Inject"] = ["Models", "Runtime"],
        ["Unlearn"] = ["Models", "Runtime"],
        ["Merge"] = ["Models", "Runtime"],
        ["Circuits"] = ["Models", "Runtime"],
        ["Jobs"] = ["Atlas", "Circuits", "Inject", "Lens", "Merge", "Models", "Reports", "Runtime",
            "Unlearn"],
        ["Serve"] = ["Jobs", "Models", "Runtime"],
        ["Cli"] = ["Atlas", "Circuits", "Inject", "Jobs", "Lens", "Merge", "Models", "Reports", "Runtime",
            "Serve", "Unlearn"],
    };

    [TestCaseSource(nameof(Projects))]
    public void A_project_references_the_layer_below_and_no_other(string project)
    {
        Assert.That(Edges(project), Is.EqualTo(Allowed[project]));
    }

    // The interpreter of PTX lies beside a headtap that is built from source; packages do not have it.
    [Test]
    public void No_project_takes_more_of_the_tests_than_a_file_beside_itself()
    {
        XElement[] taken = [.. Allowed.Keys.SelectMany(p => Load(p).Descendants("ProjectReference"))
            .Where(r => ((string)r.Attribute("Include")!).Contains("tests/", StringComparison.Ordinal))];
        Assert.That(taken.Select(r => Path.GetFileName((string)r.Attribute("Include")!)),
            Is.EqualTo((string[])["PtxMachine.csproj"]));
        Assert.That((string?)taken[0].Attribute("Private"), Is.EqualTo("false"));
        Assert.That((string?)taken[0].Attribute("PrivateAssets"), Is.EqualTo("all"));
    }

    [TestCase("Models"), TestCase("Atlas"), TestCase("Lens"), TestCase("Inject"), TestCase("Unlearn"),
        TestCase("Merge"), TestCase("Circuits"), TestCase("Jobs"), TestCase("Serve"), TestCase("Cli")]
    public void Kernels_cannot_be_touched_from_above_Runtime(string project)
    {
        Assert.That((string?)Load(project).Descendants("DisableTransitiveProjectReferences").Single(),
            Is.EqualTo("true"));
    }

    [Test]
    public void Every_source_project_is_known_here_and_has_its_tests()
    {
        string[] found = [.. Directory.EnumerateDirectories(Repository.At("src"))
            .Select(d => Path.GetFileName(d)!).Order()];
        Assert.That(found, Is.EqualTo(Allowed.Keys.Order()));
        foreach (string project in found)
            Assert.That(File.Exists(Repository.At("tests", $"{project}.Tests", $"{project}.Tests.csproj")),
                Is.True, project);
    }

    [Test]
    public void Reference_code_stands_alone()
    {
        XDocument project = XDocument.Load(Repository.At("tests", "Reference", "Reference.csproj"));
        Assert.That(project.Descendants("ProjectReference"), Is.Empty);
    }

    [Test]
    public void No_tensor_framework_is_referenced_outside_the_peers_bench()
    {
        foreach (string file in Directory.EnumerateFiles(Repository.Root, "*.csproj",
            SearchOption.AllDirectories))
            if (!file.Contains("Peers", StringComparison.Ordinal))
                Assert.That(File.ReadAllText(file), Does.Not.Contain("orch"), file);
    }

    static IEnumerable<string> Projects() => Allowed.Keys;

    static string[] Edges(string project) =>
    [
        .. Load(project).Descendants("ProjectReference")
            .Select(r => (string)r.Attribute("Include")!)
            .Where(r => !r.Contains("tests/", StringComparison.Ordinal))
            .Select(r => Path.GetFileNameWithoutExtension(r)!).Order(),
    ];

    static XDocument Load(string project)
        => XDocument.Load(Repository.At("src", project, $"{project}.csproj"));
}
