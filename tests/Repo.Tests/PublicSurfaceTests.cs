using System.Reflection;

namespace HeadTap.Repo.Tests;

/// <summary>docs/public-api lists what the packages offer, so that a change of it is seen in a
/// review.</summary>
public sealed class PublicSurfaceTests
{
    // Set it to 1 to write the lists anew; then look at what git shows.
    const string Write = "HEADTAP_WRITE_PUBLIC_API";

    [TestCase("HeadTap.Kernels"), TestCase("HeadTap.Runtime"), TestCase("HeadTap.Models"),
        TestCase("HeadTap.Lens"), TestCase("HeadTap.Inject"), TestCase("HeadTap.Unlearn"),
        TestCase("HeadTap.Merge"), TestCase("HeadTap.Circuits")]
    public void The_public_surface_is_the_committed_one(string library)
    {
        IReadOnlyList<string> found = PublicSurface.Of(Assembly.Load(library));
        string file = Repository.At("docs", "public-api", $"{library}.txt");
        if (Environment.GetEnvironmentVariable(Write) == "1")
            File.WriteAllText(file, string.Join('\n', found) + "\n");
        string[] listed = File.ReadAllLines(file);
        Assert.That(found.Except(listed), Is.Empty, $"not listed in {file}; {Write}=1 writes it");
        Assert.That(listed.Except(found), Is.Empty, $"listed in {file} and gone; {Write}=1 writes it");
        Assert.That(listed, Is.EqualTo(found), "the order");
    }

    [Test]
    public void No_type_of_ILGPU_is_public_in_Runtime_or_Models()
    {
        foreach (string library in (string[])["HeadTap.Runtime", "HeadTap.Models"])
            Assert.That(PublicSurface.Of(Assembly.Load(library)).Where(l => l.Contains("ILGPU.",
                StringComparison.Ordinal)), Is.Empty, library);
    }
}
