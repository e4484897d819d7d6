namespace HeadTap.Models.Tests;

/// <summary>
/// Reference data that is not part of the repository: <c>shared/data</c> in a folder above it.
/// </summary>
static class SharedData
{
    /// <summary>The path of a file or folder in it; without it the test is ignored with a reason.</summary>
    public static string Require(string name)
    {
        for (var folder = new DirectoryInfo(TestContext.CurrentContext.TestDirectory); folder is not null;
            folder = folder.Parent)
        {
            string path = Path.Combine(folder.FullName, "shared", "data", name);
            if (Path.Exists(path))
                return path;
        }
        Assert.Ignore($"shared/data/{name} is not beside the repository.");
        return "";
    }
}
