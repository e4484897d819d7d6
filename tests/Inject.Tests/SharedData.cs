namespace HeadTap.Inject.Tests;

/// <summary>
/// Reference data that is not part of the repository: <c>shared/data</c> in a folder above it.
/// </summary>
static class SharedData
{
    /// <summary>
    /// A file or folder of the published repository memory_injections; without it the test is ignored with a
    /// reason.
    /// </summary>
    internal static string Require(params string[] name)
    {
        string relative = Path.Combine(["shared", "data", "memory_injections", .. name]);
        for (var folder = new DirectoryInfo(TestContext.CurrentContext.TestDirectory); folder is not null;
            folder = folder.Parent)
            if (Path.Exists(Path.Combine(folder.FullName, relative)))
                return Path.Combine(folder.FullName, relative);
        Assert.Ignore($"{relative} is not beside the repository.");
        return "";
    }
}
