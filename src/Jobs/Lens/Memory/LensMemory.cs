using HeadTap.Lens;
using HeadTap.Models;

namespace HeadTap.Jobs;

/// <summary>
/// A memory read from a head in the single-hop run: the top tokens of its lens, to be injected in the
/// multi-hop run (lens and memory are combined in arXiv 2411.05037).
/// </summary>
/// <param name="Layer">Layer of the head, from 0.</param>
/// <param name="Head">Head, from 0.</param>
/// <param name="CenteredLogit">Lens logit of the single-hop run's next token minus the mean over the
/// vocabulary.</param>
/// <param name="Tokens">Token ids of the memory.</param>
sealed record LensMemory(int Layer, int Head, float CenteredLogit, IReadOnlyList<int> Tokens)
{
    /// <summary>
    /// Returns the memory of the head that most favours the run's own next token. It does not use the right
    /// answer.
    /// </summary>
    /// <param name="readings">Readings of single-hop runs, with at least one token more than the
    /// memory.</param>
    /// <param name="run">Index of the run.</param>
    /// <param name="count">Number of tokens of the memory.</param>
    /// <param name="withoutNext">Whether to leave out the run's own next token.</param>
    internal static LensMemory OfFavourite(LensReadings readings, int run, int count, bool withoutNext)
    {
        (int layer, int head, LensWords words) = readings.MostInFavour(run);
        return Of(readings, run, layer, head, words, count, withoutNext);
    }

    /// <summary>Returns the memory of a head drawn at random from all heads except the favourite.</summary>
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
