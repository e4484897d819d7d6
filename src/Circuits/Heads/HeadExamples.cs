namespace HeadTap.Circuits;

/// <summary>A key that a query looks at.</summary>
/// <param name="Position">Position of the key in the window, from 0.</param>
/// <param name="Attention">Attention, 0 to 1.</param>
public readonly record struct AttendedKey(int Position, float Attention);

/// <summary>A place of a text where a head writes much.</summary>
/// <param name="Window">Index of the window, from 0.</param>
/// <param name="Tokens">Token ids of the window.</param>
/// <param name="Position">Position in the window, from 0.</param>
/// <param name="Norm">Length of what the head writes to the stream there, |z W_O|.</param>
/// <param name="Keys">Keys that it looks at most from there, by position.</param>
public sealed record HeadExample(
    int Window, IReadOnlyList<int> Tokens, int Position, double Norm, IReadOnlyList<AttendedKey> Keys);

/// <summary>The windows in which one head writes most, each with its best position; a bounded list.</summary>
/// <param name="capacity">Number of windows that are kept.</param>
sealed class HeadExamples(int capacity)
{
    readonly List<HeadExample> _all = [];

    /// <summary>The kept examples, largest norm first; equal ones in the order of the text.</summary>
    internal IReadOnlyList<HeadExample> All => _all;

    /// <summary>Whether an example of this norm would be kept.</summary>
    internal bool Takes(double norm)
        => capacity > 0 && (_all.Count < capacity || norm > _all[^1].Norm);

    /// <summary>Adds an example that <see cref="Takes"/> lets in.</summary>
    internal void Add(HeadExample example)
    {
        int at = _all.Count;
        while (at > 0 && example.Norm > _all[at - 1].Norm)
            at--;
        _all.Insert(at, example);
        if (_all.Count > capacity)
            _all.RemoveAt(capacity);
    }
}
