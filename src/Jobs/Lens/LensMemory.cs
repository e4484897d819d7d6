using HeadTap.Lens;
using HeadTap.Models;

namespace HeadTap.Jobs;

/// <summary>
/// A memory made of what a head writes in the single-hop run: the first tokens of its lens, to be injected in
/// the multi-hop run (arXiv 2411.05037 closes the loop of lens and memory).
/// </summary>
/// <param name="Layer">The head's layer.</param>
/// <param name="Head">The head.</param>
/// <param name="CenteredLogit">How strongly its lens favours the single-hop run's next token.</param>
/// <param name="Tokens">The memory.</param>
sealed record LensMemory(int Layer, int Head, float CenteredLogit, IReadOnlyList<int> Tokens)
{
    /// <summary>The memory of the head that favours the run's own next token most; the right answer takes no
    /// part.</summary>
    /// <param name="readings">Single-hop runs, with at least one token more than the memory has.</param>
    /// <param name="run">Which of them.</param>
    /// <param name="count">Tokens of the memory.</param>
    /// <param name="withoutNext">Leaves the run's own next token out.</param>
    internal static LensMemory OfFavourite(LensReadings readings, int run, int count, bool withoutNext)
    {
        (int layer, int head, LensWords words) = readings.MostInFavour(run);
        return Of(readings, run, layer, head, words, count, withoutNext);
    }

    /// <summary>The memory of another head than the favourite, drawn at random.</summary>
    internal static LensMemory OfAnother(
        LensReadings readings, int run, int count, bool withoutNext, SeededRandom random)
    {
        (int layer, int head, _) = readings.MostInFavour(run);
        (int Layer, HeadReading Reading)[] others = [.. readings.Learned
            .SelectMany(l => l.Heads.Select(h => (l.Layer, Reading: h)))
            .Where(h => (h.Layer, h.Reading.Head) != (layer, head))];
        (int drawn, HeadReading reading) = others[random.Next(others.Length)];
        return Of(readings, run, drawn, reading.Head, reading.Words[run], count, withoutNext);
    }

    static LensMemory Of(LensReadings readings, int run, int layer, int head, LensWords words, int count,
        bool withoutNext)
    {
        int next = readings.Model[run][0].Id;
        return new(layer, head, words.CenteredLogit,
            [.. words.Top.Select(t => t.Id).Where(id => !withoutNext || id != next).Take(count)]);
    }
}
