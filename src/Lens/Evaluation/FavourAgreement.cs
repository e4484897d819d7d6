using HeadTap.Models;

namespace HeadTap.Lens;

/// <summary>
/// What a lens or another attribution says about every head at the last position of prompts.
/// </summary>
/// <param name="By">Name of the lens or attribution.</param>
/// <param name="Of">[prompts][heads]: how much each head favours the prompt's answer; larger is more.</param>
public sealed record HeadFavours(string By, IReadOnlyList<double[]> Of);

/// <summary>
/// Agreement of favours with effects of removal: correlations of ranks (Spearman), 1 if both give heads the
/// same order, 0 if the favour says nothing about the effect. NaN where one of the two does not vary.
/// </summary>
/// <param name="By">Name of the lens or attribution.</param>
/// <param name="Rank">Correlation over all pairs of prompt and head.</param>
/// <param name="RankInterval">95 % interval of it, from a bootstrap over prompts.</param>
/// <param name="ByPrompt">Mean over prompts of the correlation over a prompt's heads; prompts without one are
/// left out.</param>
/// <param name="ByPromptInterval">95 % interval of it, from a bootstrap over prompts.</param>
/// <param name="Change">Mean change of log p(answer) when the head that is favoured most is removed, nats;
/// ties go to the first head.</param>
public sealed record FavourAgreement(string By, double Rank, Interval RankInterval, double ByPrompt,
    Interval ByPromptInterval, double Change)
{
    const ulong RankStream = 0x66726E6B, PromptStream = 0x66707270; // apart from other draws
    const int Resamples = 1000; // each sorts all pairs of prompt and head again

    /// <summary>Compares favours with effects.</summary>
    /// <param name="favours">What is said about the heads of each prompt.</param>
    /// <param name="changes">[prompts][heads]: log p(answer) without the head minus log p(answer) with it,
    /// nats.</param>
    /// <param name="seed">Seed of the bootstrap.</param>
    /// <exception cref="ArgumentException">The lists have other sizes.</exception>
    public static FavourAgreement Of(HeadFavours favours, IReadOnlyList<double[]> changes, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(favours);
        ArgumentNullException.ThrowIfNull(changes);
        if (favours.Of.Count != changes.Count
            || favours.Of.Zip(changes).Any(pair => pair.First.Length != pair.Second.Length))
            throw new ArgumentException($"favours of {favours.Of.Count} prompts and effects of "
                + $"{changes.Count}, or other heads in one of them.");
        double[][] lowered = [.. changes.Select(row => (double[])[.. row.Select(change => -change)])];
        double Pooled(IEnumerable<int> prompts) => Correlation.Spearman(
            [.. prompts.SelectMany(p => favours.Of[p])], [.. prompts.SelectMany(p => lowered[p])]);
        double[] own = [.. lowered.Select((row, p) => Correlation.Spearman(favours.Of[p], row))];
        double Mean(int[] prompts)
            => prompts.Select(p => own[p]).Where(r => !double.IsNaN(r)).DefaultIfEmpty(double.NaN).Average();
        int[] all = [.. Enumerable.Range(0, changes.Count)];
        return new(favours.By,
            Pooled(all), Bootstrap.Of(all.Length, Pooled, new SeededRandom(seed, RankStream), Resamples),
            Mean(all), Bootstrap.Of(all.Length, Mean, new SeededRandom(seed, PromptStream), Resamples),
            all.Average(p => changes[p][favours.Of[p].Index().MaxBy(f => f.Item).Index]));
    }
}
