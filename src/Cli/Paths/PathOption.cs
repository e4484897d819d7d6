using System.CommandLine;

namespace HeadTap.Cli;

/// <summary>What a verb does with the path of an option.</summary>
enum PathUse
{
    /// <summary>Reads a file, or files of a folder.</summary>
    Reads,

    /// <summary>Writes a file, and perhaps its manifest beside it.</summary>
    WritesFile,

    /// <summary>Writes files into a folder.</summary>
    WritesFolder,
}

/// <summary>An option whose value is a path, whatever its type of value is.</summary>
interface IPathOption
{
    /// <summary>What the verb does with it.</summary>
    PathUse Use { get; }

    /// <summary>Whether one value may hold several paths with commas between them.</summary>
    bool HasCommas { get; }

    /// <summary>Returns the paths of a parsed command line; none if the option was left out.</summary>
    IEnumerable<string> Paths(ParseResult parsed);

    /// <summary>Returns files that a file of the option names in its turn.</summary>
    IEnumerable<string> NamedIn(string path);
}

/// <summary>
/// An option that takes a path. <see cref="PathCheck"/> looks at all of them before a verb runs, so every
/// option that takes one is of this type.
/// </summary>
/// <typeparam name="T">A text, or an array of them for several paths.</typeparam>
/// <param name="name">Name with its dashes.</param>
/// <param name="use">What the verb does with it.</param>
sealed class PathOption<T>(string name, PathUse use) : Option<T>(name), IPathOption
{
    /// <inheritdoc/>
    public PathUse Use => use;

    /// <inheritdoc/>
    public bool HasCommas { get; init; }

    /// <summary>Returns the path in a value that has more than it; null for values that are paths.</summary>
    public Func<string, string>? PathIn { get; init; }

    /// <summary>Reads which other files a file names; null for a file that names none.</summary>
    public Func<string, IEnumerable<string>>? Further { get; init; }

    /// <inheritdoc/>
    public IEnumerable<string> Paths(ParseResult parsed)
    {
        // A required option is missing only beside --help.
        if (parsed.GetResult(this) is not { } result || (result.Tokens.Count == 0 && !HasDefaultValue))
            return [];
        IEnumerable<string> given = parsed.GetValue(this) switch
        {
            string one => [one],
            IEnumerable<string> several => several,
            _ => [],
        };
        IEnumerable<string> paths = HasCommas ? given.SelectMany(text => text.Split(',')) : given;
        return PathIn is null ? paths : paths.Select(PathIn);
    }

    /// <inheritdoc/>
    public IEnumerable<string> NamedIn(string path) => Further?.Invoke(path) ?? [];
}
