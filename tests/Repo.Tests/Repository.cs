using System.Runtime.CompilerServices;

namespace HeadTap.Repo.Tests;

/// <summary>The checkout this test was built from, as data.</summary>
static class Repository
{
    /// <summary>The folder that holds HeadTap.slnx.</summary>
    public static string Root { get; } = Find();

    /// <summary>Full path of a file or folder of the repository.</summary>
    public static string At(params string[] parts) => Path.Combine([Root, .. parts]);

    /// <summary>Text of a file of the repository.</summary>
    public static string Text(params string[] parts) => File.ReadAllText(At(parts));

    /// <summary>C# files below a folder that people wrote.</summary>
    public static IEnumerable<string> Sources(string folder) => Directory
        .EnumerateFiles(At(folder), "*.cs", SearchOption.AllDirectories)
        .Where(f => !f.Contains($"{Path.DirectorySeparatorChar}artifacts{Path.DirectorySeparatorChar}"))
        .Order(StringComparer.Ordinal);

    static string Find([CallerFilePath] string here = "")
    {
        var folder = new DirectoryInfo(Path.GetDirectoryName(here)!);
        while (!File.Exists(Path.Combine(folder.FullName, "HeadTap.slnx")))
            folder = folder.Parent
                ?? throw new InvalidOperationException("HeadTap.slnx is in no folder above this file.");
        return folder.FullName;
    }
}
