using System.Collections;
using System.Diagnostics.CodeAnalysis;

namespace HeadTap.Models;

/// <summary>What a pass recorded, by site. Asking for another site is an error that names it.</summary>
sealed class SiteRecordings(string option) : IReadOnlyDictionary<Site, Recording>
{
    readonly Dictionary<Site, Recording> _all = [];

    public IEnumerable<Site> Keys => _all.Keys;

    public IEnumerable<Recording> Values => _all.Values;

    public int Count => _all.Count;

    public Recording this[Site key]
    {
        get => _all.TryGetValue(key, out Recording? found) ? found : throw new KeyNotFoundException(
            $"{key.Name} was not recorded; name it in {option}. Recorded: "
            + (_all.Count == 0 ? "nothing" : string.Join(", ", _all.Keys.Order().Select(s => s.Name))) + ".");
        internal set => _all[key] = value;
    }

    public bool ContainsKey(Site key) => _all.ContainsKey(key);

    public bool TryGetValue(Site key, [MaybeNullWhen(false)] out Recording value)
        => _all.TryGetValue(key, out value);

    public IEnumerator<KeyValuePair<Site, Recording>> GetEnumerator() => _all.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => _all.GetEnumerator();

    internal void Clear() => _all.Clear();
}
