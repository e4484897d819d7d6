using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Inject;

/// <summary>Layer of random memories relative to the curated memory.</summary>
public enum RandomPlacement
{
    /// <summary>The same layer.</summary>
    Corrected,

    /// <summary>
    /// One layer later, as in the published runs: they used the paper's layer number, which counts from 1, as
    /// an index from 0. The curated memory is in the layer before.
    /// </summary>
    Published,
}

/// <summary>Options of a comparison of random and curated memories at one cell.</summary>
public sealed record RandomMemoryOptions
{
    /// <summary>Layer of the curated memories, from 0.</summary>
    public required int Layer { get; init; }

    /// <summary>Magnitude of the curated and the random memories.</summary>
    public required float Tau { get; init; }

    /// <summary>Layer of the random memories relative to <see cref="Layer"/>.</summary>
    public RandomPlacement Placement { get; init; }

    /// <summary>Whether each random vector is scaled to the length of the pair's curated vector.</summary>
    public bool SameNorm { get; init; }

    /// <summary>Encoder that makes vectors from memories.</summary>
    public MemoryEncoder Encoder { get; init; }

    /// <summary>Folder of the lens of <see cref="MemoryEncoder.Jacobian"/>; null without it.</summary>
    public string? Lens { get; init; }

    /// <summary>Layer of the random memories, from 0.</summary>
    public int RandomLayer => Layer + (Placement == RandomPlacement.Published ? 1 : 0);

    /// <summary>Checks that a model has the layers and that tau is finite.</summary>
    /// <exception cref="UserException">The model has no such layer, or tau is not finite.</exception>
    public void Validate(ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        int last = config.Layers - 1 - (RandomLayer - Layer);
        if (Layer < 0 || Layer > last)
            throw new UserException($"{Field.Of(nameof(Layer))} is {Layer}; expected 0 to {last}"
                + (Placement == RandomPlacement.Published ? ": random memories go one layer later" : ""));
        if (!float.IsFinite(Tau))
            throw new UserException($"{Field.Of(nameof(Tau))} is {Tau}; expected a finite number");
    }
}

/// <summary>Effect of one memory on the pairs.</summary>
/// <param name="Text">Text of the memory; empty for each pair's own.</param>
/// <param name="After">[pairs]: answers with the memory; null for pairs that were left out.</param>
/// <param name="Gain">Statistics over the pairs that were not left out.</param>
public sealed record InjectedWord(string Text, IReadOnlyList<AnswerStanding?> After, GainSummary Gain);

/// <summary>Results of a category at one cell: means over its words, as in the paper's table.</summary>
/// <param name="Name">Name of the category.</param>
/// <param name="Words">Words with their statistics.</param>
public sealed record CategoryGain(string Name, IReadOnlyList<InjectedWord> Words)
{
    /// <summary>Mean over words of the trimmed mean over prompts, percent.</summary>
    public double TrimmedMean => Words.Average(w => w.Gain.TrimmedMean);

    /// <summary>Mean over words of the median over prompts, percent.</summary>
    public double Median => Words.Average(w => w.Gain.Median);

    /// <summary>Mean over words of the change of the mean probability, percent.</summary>
    public double MeanProbabilityChange => Words.Average(w => w.Gain.ProbabilityChange);

    /// <summary>
    /// Mean over words of the share of pairs whose answer is the most probable token, 0 to 1.
    /// </summary>
    public double First => Words.Average(w =>
        (double)w.After.Count(a => a?.Rank == 1) / w.After.Count(a => a is not null));
}

/// <summary>Compares random memories with the curated ones at one cell.</summary>
/// <param name="Before">[pairs]: answers with nothing injected.</param>
/// <param name="Curated">Results of each pair's own memory.</param>
/// <param name="Categories">Results of the random memories per category.</param>
public sealed record RandomMemories(
    IReadOnlyList<AnswerStanding> Before, InjectedWord Curated, IReadOnlyList<CategoryGain> Categories)
{
    /// <summary>Injects every pair's own memory and every word of every category.</summary>
    /// <param name="injections">Model and pairs.</param>
    /// <param name="categories">Categories of words to inject.</param>
    /// <param name="options">Layer, magnitude, placement and encoder.</param>
    /// <param name="progress">Callback that gets the share done, 0 to 1.</param>
    /// <exception cref="UserException">A layer does not exist, or a result overflows.</exception>
    public static RandomMemories Run(RowInjections injections, IReadOnlyList<MemoryCategory> categories,
        RandomMemoryOptions options, Action<double>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(injections);
        ArgumentNullException.ThrowIfNull(categories);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate(injections.Model.Config);
        AnswerStanding[] before = injections.Before(p => p.Obscure);
        var vectors = new MemoryVectors(injections, options.Encoder, options.Lens);
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
