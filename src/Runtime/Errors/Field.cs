using System.Text;

namespace HeadTap.Runtime;

/// <summary>
/// Names of options fields in messages. A library writes <c>$"{Field.Of(nameof(Taus))} is 0"</c>; a program
/// writes each name as its users know it, the command line as <c>--taus</c>. What users wrote themselves,
/// a path or a token that happens to be called so, is no such name and stays as it is.
/// </summary>
public static class Field
{
    // Two of the noncharacters, which no text has and Quoted takes out of one.
    const char Begin = '\uFDD0', End = '\uFDD1';

    /// <summary>A field's name for a message.</summary>
    public static string Of(string name) => $"{Begin}{name}{End}";

    /// <summary>The message of a check that begins with a field's name: "learning_rate is 0".</summary>
    public static string First(string message)
    {
        ArgumentNullException.ThrowIfNull(message);
        int end = message.IndexOf(" is ", StringComparison.Ordinal);
        return end > 0 && IsName(message.AsSpan(0, end)) ? Of(message[..end]) + message[end..] : message;
    }

    /// <summary>A message with the names as the libraries have them.</summary>
    public static string Plain(string message) => Written(message, name => name);

    /// <summary>A message with the names as a program's users know them.</summary>
    /// <param name="message">The message.</param>
    /// <param name="naming">Returns the user's name of a field.</param>
    public static string Written(string message, Func<string, string> naming)
    {
        ArgumentNullException.ThrowIfNull(message);
        ArgumentNullException.ThrowIfNull(naming);
        if (!message.Contains(Begin))
            return message;
        var written = new StringBuilder();
        for (int at = 0; at < message.Length;)
        {
            int begin = message.IndexOf(Begin, at), end = begin < 0 ? -1 : message.IndexOf(End, begin);
            if (end < 0)
                return written.Append(message, at, message.Length - at).ToString();
            string name = message[(begin + 1)..end];
            written.Append(message, at, begin - at).Append(IsName(name) ? naming(name) : name);
            at = end + 1;
        }
        return written.ToString();
    }

    /// <summary>Whether a character marks names, so that no other text may have it.</summary>
    internal static bool IsMark(int character) => character is Begin or End;

    static bool IsName(ReadOnlySpan<char> text)
    {
        foreach (char c in text)
            if (!char.IsAsciiLetterOrDigit(c) && c != '_')
                return false;
        return text.Length > 0 && char.IsAsciiLetter(text[0]);
    }
}
