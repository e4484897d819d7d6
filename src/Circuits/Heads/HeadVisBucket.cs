using HeadTap.Models;

namespace HeadTap.Circuits;

/// <summary>
/// A bounded sample of the windows of one bucket: the ones with the largest attention, or a reservoir (Vitter
/// 1985, algorithm R).
/// </summary>
/// <param name="capacity">Windows that are kept.</param>
/// <param name="random">Draws for a reservoir; null keeps the largest.</param>
sealed class HeadVisBucket(int capacity, SeededRandom? random)
{
    readonly List<HeadVisSequence> _kept = [];
    int _seen;

    /// <summary>The kept windows: by attention, largest first, or in the order of their places.</summary>
    internal IReadOnlyList<HeadVisSequence> Kept => _kept;

    /// <summary>Offers a window, which is made only where it is kept.</summary>
    internal void Offer(float attention, Func<HeadVisSequence> make)
    {
        _seen++;
        if (random is null)
        {
            int at = _kept.Count;
            while (at > 0 && attention > _kept[at - 1].MaxAttention)
                at--;
            if (at >= capacity)
                return;
            _kept.Insert(at, make());
            if (_kept.Count > capacity)
                _kept.RemoveAt(capacity);
            return;
        }
        if (_kept.Count < capacity)
            _kept.Add(make());
        else if (random.Next(_seen) is var place && place < capacity)
            _kept[place] = make();
    }
}
