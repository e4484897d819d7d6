using System.Buffers;
using System.Text;

namespace HeadTap.Serve;

/// <summary>
/// Makes the text of a completion from its tokens' bytes. It gives a piece out only when it is whole
/// characters and cannot be the beginning of a stop.
/// </summary>
sealed class ChoiceText
{
    readonly IReadOnlyList<string> _stops;
    readonly bool _keepsStop;
    readonly List<byte> _bytes = []; // of a character that is not whole yet
    readonly StringBuilder _held = new(); // characters that may begin a stop

    /// <param name="stops">Texts that end it.</param>
    /// <param name="keepsStop">Whether the text keeps the stop that ended it.</param>
    internal ChoiceText(IReadOnlyList<string> stops, bool keepsStop)
        => (_stops, _keepsStop) = (stops, keepsStop);

    /// <summary>Whether a stop was found; nothing is added after it.</summary>
    internal bool Stopped { get; private set; }

    /// <summary>Adds a token's bytes.</summary>
    /// <returns>What can be given out now.</returns>
    internal string Add(ReadOnlySpan<byte> bytes)
    {
        _bytes.AddRange(bytes);
        _held.Append(WholeCharacters());
        return Out(final: false);
    }

    /// <summary>Ends the text: what was held back comes out, half a character as U+FFFD.</summary>
    internal string End()
    {
        if (Stopped)
            return "";
        _held.Append(Encoding.UTF8.GetString([.. _bytes]));
        _bytes.Clear();
        return Out(final: true);
    }

    string WholeCharacters()
    {
        byte[] all = [.. _bytes];
        int whole = 0;
        while (whole < all.Length)
        {
            OperationStatus status = Rune.DecodeFromUtf8(all.AsSpan(whole), out _, out int length);
            if (status == OperationStatus.NeedMoreData)
                break;
            whole += length;
        }
        _bytes.RemoveRange(0, whole);
        return Encoding.UTF8.GetString(all, 0, whole);
    }

    string Out(bool final)
    {
        string held = _held.ToString();
        // The stop that ends first counts, and of those the longest.
        int end = int.MaxValue, at = -1;
        foreach (string stop in _stops)
        {
            int found = held.IndexOf(stop, StringComparison.Ordinal);
            if (found >= 0 && (found + stop.Length < end || (found + stop.Length == end && found < at)))
                (end, at) = (found + stop.Length, found);
        }
        if (at >= 0)
        {
            Stopped = true;
            _held.Clear();
            return held[..(_keepsStop ? end : at)];
        }
        int keep = final ? 0 : LongestBeginning(held);
        _held.Clear();
        _held.Append(held, held.Length - keep, keep);
        return held[..^keep];
    }

    // Characters at the end that a stop begins with.
    int LongestBeginning(string held)
    {
        int longest = 0;
        foreach (string stop in _stops)
            for (int n = Math.Min(stop.Length - 1, held.Length); n > longest; n--)
                if (held.AsSpan(held.Length - n).SequenceEqual(stop.AsSpan(0, n)))
                {
                    longest = n;
                    break;
                }
        return longest;
    }
}
