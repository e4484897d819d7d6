namespace HeadTap.Circuits;

/// <summary>The earlier occurrences of each token of a window.</summary>
sealed class TokenRepeats
{
    readonly List<int>[] _earlier; // [T]: ascending

    /// <summary>Finds them.</summary>
    /// <param name="tokens">Token ids of the window, [T].</param>
    internal TokenRepeats(IReadOnlyList<int> tokens)
    {
        Tokens = tokens;
        _earlier = new List<int>[tokens.Count];
        var places = new Dictionary<int, List<int>>();
        for (int t = 0; t < tokens.Count; t++)
        {
            if (!places.TryGetValue(tokens[t], out List<int>? seen))
                places[tokens[t]] = seen = [];
            _earlier[t] = [.. seen];
            RepeatedQueries += seen.Count > 0 ? 1 : 0;
            seen.Add(t);
        }
    }

    /// <summary>Token ids of the window, [T].</summary>
    internal IReadOnlyList<int> Tokens { get; }

    /// <summary>Number of positions whose token occurs before.</summary>
    internal int RepeatedQueries { get; }

    /// <summary>Positions before <paramref name="t"/> with the same token, ascending.</summary>
    internal IReadOnlyList<int> Earlier(int t) => _earlier[t];
}
