using System.Buffers;
using System.Text;
using System.Text.Json;

namespace HeadTap.Runtime;

/// <summary>Text from files, made fit for a one-line message: no control characters, bounded
/// length.</summary>
public static class Quoted
{
    const int LongestName = 100;
    const int LongestLine = 300;

    /// <summary>A name found in a file, in quotes.</summary>
    public static string Name(string name) => $"\"{Clean(name, LongestName)}\"";

    /// <summary>A value found in a JSON file; that it is a text is said, as <c>the text "2"</c>.</summary>
    public static string Json(JsonElement value) => value.ValueKind == JsonValueKind.String
        ? $"the text {Name(value.GetRawText()[1..^1])}" : Name(value.GetRawText());

    /// <summary>A path the user gave, as it was given.</summary>
    public static string Path(string path) => Clean(path, int.MaxValue);

    /// <summary>Another library's message.</summary>
    public static string Line(string text) => Clean(text.TrimEnd('.', ' ', '\n', '\r'), LongestLine);

    /// <summary>A list of names, the first few of many.</summary>
    public static string Names(IReadOnlyList<string> names, int shown = 3)
    {
        string text = string.Join(", ", names.Take(shown).Select(Name));
        return names.Count > shown ? $"{text} and {names.Count - shown} more" : text;
    }

    /// <summary>A shape, <c>[2, 3]</c>.</summary>
    public static string Shape<T>(IEnumerable<T> shape) => $"[{string.Join(", ", shape)}]";

    static string Clean(string text, int longest)
    {
        var line = new StringBuilder();
        ReadOnlySpan<char> rest = text.AsSpan(0, Math.Min(text.Length, longest));
        while (!rest.IsEmpty)
        {
            // half a pair, which the cut may leave too, is no character
            bool whole = Rune.DecodeFromUtf16(rest, out Rune rune, out int length) == OperationStatus.Done;
            if (!whole || Rune.IsControl(rune) || Field.IsMark(rune.Value) || rune.Value is 0x2028 or 0x2029)
                line.Append('?');
            else
                line.Append(rest[..length]);
            rest = rest[length..];
        }
        return text.Length > longest ? line.Append("...").ToString() : line.ToString();
    }
}
