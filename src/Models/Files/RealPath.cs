namespace HeadTap.Models;

/// <summary>Finds out whether two paths are one place, by whichever links they lead there.</summary>
public static class RealPath
{
    const int MostLinks = 40; // as Linux follows

    /// <summary>How the names of this system are compared.</summary>
    public static StringComparer Comparer { get; } = OperatingSystem.IsWindows() || OperatingSystem.IsMacOS()
        ? StringComparer.OrdinalIgnoreCase : StringComparer.Ordinal;

    /// <summary>The whole path with no link in it. What does not exist stays as it is named.</summary>
    /// <exception cref="IOException">A relative path, and the current folder was deleted.</exception>
    public static string Of(string path) => Of(Path.GetFullPath(path), MostLinks);

    static string Of(string full, int links)
    {
        string at = Path.GetPathRoot(full)!;
        char[] separators = [Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar];
        foreach (string name in full[at.Length..].Split(separators, StringSplitOptions.RemoveEmptyEntries))
        {
            string next = Path.Combine(at, name);
            at = links > 0 && Target(next) is { } target
                ? Of(Path.GetFullPath(target, at), links - 1) : next;
        }
        return at;
    }

    static string? Target(string path)
    {
        try
        {
            return new FileInfo(path).LinkTarget;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
