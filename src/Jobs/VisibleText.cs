using System.Globalization;
using System.Text;

namespace HeadTap.Jobs;

/// <summary>Formats pieces of text for tables.</summary>
public static class VisibleText
{
    /// <summary>
    /// Returns a text as one line, in which control characters, line ends and tabs are escapes such as \n and
    /// \x1B. Spaces stay.
    /// </summary>
    public static string Line(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var line = new StringBuilder(text.Length);
        foreach (char c in text)
            line.Append(c switch
            {
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                '\u2028' or '\u2029' => $"\\u{(int)c:X4}",
                _ when char.IsControl(c) => $"\\x{(int)c:X2}",
                _ => c.ToString(),
            });
        return line.ToString();
    }

    /// <summary>
    /// Returns a piece of text as one visible word; no two pieces give the same. A space is a dot; line ends,
    /// tabs and other control characters are escapes; a dot or a backslash of the piece has a backslash
    /// before it. What <c>TokenText</c> writes for a byte, \xNN, stays as it is, and so does what stands for
    /// an id without a token, &lt;id 50270&gt;.
    /// </summary>
    public static string Of(string piece)
    {
        ArgumentNullException.ThrowIfNull(piece);
        if (piece.StartsWith("<id ", StringComparison.Ordinal) && piece.EndsWith('>')
            && piece.AsSpan()[4..^1].IndexOfAnyExceptInRange('0', '9') < 0)
            return piece;
        var visible = new StringBuilder(piece.Length);
        for (int i = 0; i < piece.Length; i++)
            _ = piece[i] switch
            {
                ' ' => visible.Append('·'),
                '·' => visible.Append("\\·"),
                '\n' => visible.Append("\\n"),
                '\r' => visible.Append("\\r"),
                '\t' => visible.Append("\\t"),
                '\\' when i + 1 < piece.Length && piece[i + 1] == 'x' => visible.Append('\\'),
                '\\' => visible.Append("\\\\"),
                char c when Hides(c) => visible.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:X4}"),
                char c => visible.Append(c),
            };
        return visible.ToString();
    }

    // Marks that set or override the direction of text reorder what stands beside them.
    static bool Hides(char c) => char.IsControl(c)
        || c is (>= '\u2028' and <= '\u202E') or (>= '\u2066' and <= '\u2069');
}
