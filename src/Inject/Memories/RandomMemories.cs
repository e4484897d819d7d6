using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Inject;

/// <summary>Where random memories go beside the curated one.</summary>
public enum RandomPlacement
{
    /// <summary>Into the same layer.</summary>
    Corrected,

    /// <summary>
    /// One layer later: the published runs passed the paper's layer number, which counts from 1, as an index
    /// that counts from 0, and the curated number beside them is from the layer before.
    /// </summary>
    Published,
}

/// <summary>One cell at which random memories are compared with the curated ones.</summary>
public sealed record RandomMemoryOptions
{
    /// <summary>The layer of the curated memory, from 0.</summary>
    public required int Layer { get; init; }

    /// <summary>The magnitude of both.</summary>
    public required float Tau { get; init; }

    /// <summary>Where the random ones go.</summary>
    public RandomPlacement Placement { get; init; }

    /// <summary>Whether each random vector is given the length of the pair's curated one.</summary>
    public bool SameNorm { get; init; }

    /// <summary>How memories become vectors.</summary>
    public MemoryEncoder Encoder { get; init; }

    /// <summary>The layer of the random memories.</summary>
    public int RandomLayer => Layer + (Placement == RandomPlacement.Published ? 1 : 0);

    /// <summary>Checks the cell against a model.</summary>
    /// <exception cref="UserException">The model has no such layer, or tau is no number.</exception>
    public void Validate(ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        int last = config.Layers - 1 - (RandomLayer - Layer);
        if (Layer < 0 || Layer > last)
            throw new UserException($"Layer is {Layer}; expected 0 to {last}"
                + (Placement == RandomPlacement.Published ? ": random memories go one layer later" : ""),
                nameof(Layer));
        if (!float.IsFinite(Tau))
            throw new UserException($"Tau is {Tau}; expected a finite number", nameof(Tau));
    }
}

/// <summary>What one memory did to all pairs that took part.</summary>
/// <param name="Text">The memory; empty for each pair's own.</param>
/// <param name="After">[pairs] with it; null where a pair took no part.</param>
/// <param name="Gain">The statistics over those that did.</param>
public sealed record InjectedWord(string Text, IReadOnlyList<AnswerStanding?> After, GainSummary Gain);

/// <summary>A category at one cell: means over its words, as the paper's table has them.</summary>
/// <param name="Name">The category.</param>
/// <param name="Words">Each word with its statistics.</param>
public sealed record CategoryGain(string Name, IReadOnlyList<InjectedWord> Words)
{
    /// <summary>Mean over words of the trimmed mean over prompts, percent.</summary>
    public double TrimmedMean => Words.Average(w => w.Gain.TrimmedMean);

    /// <summary>Mean over words of the median over prompts, percent.</summary>
    public double Median => Words.Average(w => w.Gain.Median);

    /// <summary>Mean over words of the change of the mean probability, percent.</summary>
    public double MeanProbabilityChange => Words.Average(w => w.Gain.ProbabilityChange);

    /// <summary>Share of pairs whose answer is the most probable token, mean over words.</summary>
    public double First => Words.Average(w =>
        (double)w.After.Count(a => a?.Rank == 1) / w.After.Count(a => a is not null));
}

/// <summary>Random memories beside the curated ones, at one cell.</summary>
/// <param name="Before">[pairs] nothing injected.</param>
/// <param name="Curated">Each pair's own memory.</param>
/// <param name="Categories">The random ones.</param>
public sealed record RandomMemories(
    IReadOnlyList<AnswerStanding> Before, InjectedWord Curated, IReadOnlyList<CategoryGain> Categories)
{
    /// <summary>Injects every pair's own memory and every word of every category.</summary>
    /// <param name="injections">The model and the pairs.</param>
    /// <param name="categories">The words.</param>
    /// <param name="options">Where and how strongly.</param>
    /// <param name="progress">Told the share done.</param>
    /// <exception cref="UserException">A layer does not exist, or a result overflows.</exception>
    public static RandomMemories Run(RowInjections injections, IReadOnlyList<MemoryCategory> categories,
        RandomMemoryOptions options, Action<double>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(injections);
        ArgumentNullException.ThrowIfNull(categories);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate(injections.Model.Config);
        AnswerStanding[] before = injections.Before(p => p.Obscure);
        var vectors = new MemoryVectors(injections, options.Encoder);
        AnswerStanding?[] own = injections.After(options.Layer, 1,
            (pair, _) => vectors.Curated(pair, options.Layer, options.Tau))[0];
        RandomWord[] words = [.. categories.SelectMany(c => c.Words)];
        AnswerStanding?[][] after = injections.After(options.RandomLayer, words.Length,
            (pair, word) => vectors.Random(words[word], pair, options), progress);
        var found = new List<CategoryGain>();
        int next = 0;
        foreach (MemoryCategory category in categories)
        {
            found.Add(new(category.Name, [.. category.Words.Select((word, i) =>
                Summary(word.Text, before, after[next + i]))]));
            next += category.Words.Count;
        }
        return new(before, Summary("", before, own), found);
    }

    internal static InjectedWord Summary(
        string text, IReadOnlyList<AnswerStanding> before, AnswerStanding?[] after)
    {
        int[] taken = [.. Enumerable.Range(0, after.Length).Where(i => after[i] is not null)];
        return new(text, after, GainSummary.Of([.. taken.Select(i => before[i].Probability)],
            [.. taken.Select(i => after[i]!.Probability)]));
    }
}
