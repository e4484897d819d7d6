using System.Text.Json;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Cli;

/// <summary>
/// Finds the files and folders that a JSON file names, an edit spec or a training config: every text in it
/// that is one, whichever field it stands in.
/// </summary>
static class NamedFiles
{
    /// <summary>Those of a file that looks for them beside itself.</summary>
    internal static IEnumerable<string> Beside(string file)
        => In(file, Path.GetDirectoryName(Path.GetFullPath(file)) ?? "");

    /// <summary>Those of a file that looks for them in the current folder.</summary>
    internal static IEnumerable<string> InCurrentFolder(string file) => In(file, "");

    // A file that cannot be read names nothing: its verb says why.
    static IEnumerable<string> In(string file, string folder)
    {
        try
        {
            using JsonDocument json = InputFile.ReadJsonObject(file);
            return [.. Texts(json.RootElement).Where(text => text.Length > 0 && !text.Contains('\0'))
                .Select(text => Path.Combine(folder, text)).Where(Path.Exists)];
        }
        catch (UserException)
        {
            return [];
        }
    }

    static IEnumerable<string> Texts(JsonElement json) => json.ValueKind switch
    {
        JsonValueKind.String => [json.GetString()!],
        JsonValueKind.Array => json.EnumerateArray().SelectMany(Texts),
        JsonValueKind.Object => json.EnumerateObject().SelectMany(field => Texts(field.Value)),
        _ => [],
    };
}
