using System.Text;

namespace HeadTap.Cli;

/// <summary>
/// Makes text from models and files harmless for a terminal: an escape sequence in it could recolour, clear
/// or rewrite the screen.
/// </summary>
static class Printable
{
    /// <summary>
    /// Returns a text with control characters as escapes, such as \x1B. Line ends and tabs stay, and so does
    /// the carriage return of a line end. Marks that reorder text from right to left are escapes too.
    /// </summary>
    internal static string Of(string text)
    {
        if (!text.Any(IsUnsafe))
            return text;
        var safe = new StringBuilder(text.Length);
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            bool lineEnd = c == '\r' && i + 1 < text.Length && text[i + 1] == '\n';
            if (!IsUnsafe(c) || lineEnd)
                safe.Append(c);
            else
                safe.Append(c == '\r' ? "\\r" : c <= '\u00FF' ? $"\\x{(int)c:X2}" : $"\\u{(int)c:X4}");
        }
        return safe.ToString();
    }

    // The last two ranges are embeddings, overrides and isolates of direction.
    static bool IsUnsafe(char c) => c is not ('\n' or '\t')
        && (char.IsControl(c) || c is (>= '\u202A' and <= '\u202E') or (>= '\u2066' and <= '\u2069'));
}
