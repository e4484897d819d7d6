using System.Text;
using System.Text.Unicode;

namespace HeadTap.Cli;

/// <summary>
/// Finds arguments whose bytes are not UTF-8. The runtime decodes arguments and puts U+FFFD in place of such
/// bytes, so a model would read another text than the user gave.
/// </summary>
static class ArgumentBytes
{
    const char Replacement = '\uFFFD';
    const string CommandLineFile = "/proc/self/cmdline";

    /// <summary>Returns what is wrong with the arguments, in one line; null if nothing is.</summary>
    /// <param name="args">Arguments as the runtime decoded them.</param>
    /// <param name="raw">Bytes of the process's command line, each argument with a zero after it; null where
    /// the system does not tell.</param>
    internal static string? Wrong(IReadOnlyList<string> args, byte[]? raw)
    {
        byte[][]? all = raw is null ? null : Split(raw);
        for (int i = 0; i < args.Count; i++)
        {
            // Windows has UTF-16, where half a pair is what cannot be UTF-8.
            bool half = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(args[i])) != args[i];
            byte[]? bytes = all is not null && all.Length >= args.Count
                ? all[all.Length - args.Count + i] : null;
            if (half || (bytes is not null && !Utf8.IsValid(bytes)))
                return $"argument {i + 1} is not UTF-8"
                    + (bytes is null ? "" : $" at byte {FirstWrong(bytes)}")
                    + "; expected UTF-8. A text of other bytes goes in a file, saved as UTF-8; a file or "
                    + "folder whose name has such bytes needs another name, or a link that has.";
        }
        return null;
    }

    /// <summary>Whether an argument has the character that stands in place of wrong bytes.</summary>
    internal static bool HasReplacement(string arg) => arg.Contains(Replacement);

    /// <summary>
    /// Returns the bytes of the process's command line if an argument has a replacement character; else, and
    /// where the system does not tell, null.
    /// </summary>
    internal static byte[]? OfProcess(IReadOnlyList<string> args)
    {
        if (!args.Any(HasReplacement) || !File.Exists(CommandLineFile))
            return null;
        try
        {
            return File.ReadAllBytes(CommandLineFile);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    static byte[][] Split(byte[] raw)
    {
        var parts = new List<byte[]>();
        for (int start = 0, end; start < raw.Length; start = end + 1)
        {
            end = Array.IndexOf(raw, (byte)0, start);
            end = end < 0 ? raw.Length : end;
            parts.Add(raw[start..end]);
        }
        return [.. parts];
    }

    static int FirstWrong(byte[] bytes)
    {
        try
        {
            _ = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes);
            return bytes.Length;
        }
        catch (DecoderFallbackException e)
        {
            return e.Index;
        }
    }
}
