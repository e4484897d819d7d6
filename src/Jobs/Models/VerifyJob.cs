using HeadTap.Inject;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="VerifyJob"/>.</summary>
public sealed record VerifyOptions
{
    /// <summary>Folder of the model, in Hugging Face's format.</summary>
    public required string Model { get; init; }

    /// <summary>Token ids to run, separated by commas: "1,2,3". Null draws them at random.</summary>
    public string? Ids { get; init; }

    /// <summary>Number of tokens to draw if <see cref="Ids"/> is null.</summary>
    public int Tokens { get; init; } = 16;

    /// <summary>
    /// Folder of a clone of the repository of arXiv 2309.05605, whose whole data sets are then compared for
    /// GPT-2 small and large; null for none.
    /// </summary>
    public string? MemoryInjections { get; init; }

    /// <summary>Whether to compare in spite of NaN and infinity, which fails.</summary>
    public bool AllowNonfinite { get; init; }
}

/// <summary>Compares every site of a model with the float64 reference, and injections with published
/// numbers.</summary>
public static class VerifyJob
{
    /// <summary>Runs the job and returns its result.</summary>
    /// <exception cref="UserException">An option is wrong or does not fit the model, or the pass does not fit
    /// the device.</exception>
    /// <exception cref="OperationCanceledException">The job was cancelled.</exception>
    public static VerifyResult Run(VerifyOptions options, JobContext context) => Run(options, context, null);

    /// <param name="options">Options of the job.</param>
    /// <param name="context">Context of the job.</param>
    /// <param name="expected">Published injections to compare with; null takes those for the model's
    /// sizes.</param>
    internal static VerifyResult Run(
        VerifyOptions options, JobContext context, PublishedInjections? expected)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        string folder = options.Model;
        ModelConfig config = ModelFolder.ReadConfig(folder);
        int[] tokens = TokensOf(options, config, context.Seed);
        // Equal sizes say which published model it should be. They say nothing about its weights.
        PublishedModel? published = PublishedModel.All.FirstOrDefault(p => SameSizes(p.Config, config));
        VerifyInjections.Plan plan = VerifyInjections.Prepare(folder,
            expected ?? PublishedInjections.All.FirstOrDefault(p => p.Model == published?.Name),
            options.MemoryInjections);
        using ComputeDevice device = context.OpenDevice();
        (VerifiedSite[] sites, bool finite) = MeasureSites(context, device, options, tokens);
        VerifiedInjections injections = finite ? VerifyInjections.Measure(context, device, folder, plan)
            : new([], ["all: weights are not finite"]);
        return new VerifyResult(finite && sites.All(s => s.Passed) && injections.Passed, device.Name,
            tokens.Length, ModelFolder.Hash(folder), published?.Name, sites, injections)
        {
            Repository = published?.Repository,
            WeightsHash = ModelFolder.WeightsHash(folder),
            Finite = finite,
        };
    }

    static int[] TokensOf(VerifyOptions options, ModelConfig config, ulong seed)
    {
        int count = options.Tokens;
        if (options.Ids is null && (count < 1 || count > config.ContextLength))
            throw new UserException(
                $"{Field.Of(nameof(VerifyOptions.Tokens))} is {count}; expected 1 to {config.ContextLength}, "
                    + "the model's context");
        var random = new SeededRandom(seed);
        int[] tokens = options.Ids is { } ids ? TokenRowsFile.ParseIds(ids, nameof(VerifyOptions.Ids))
            : [.. Enumerable.Range(0, count).Select(_ => random.Next(config.VocabSize))];
        new SequenceBatch([tokens]).Validate(config);
        return tokens;
    }

    // Frees the model before its processed copy is made: GPT-2 large often fits once but not twice.
    static (VerifiedSite[] Sites, bool Finite) MeasureSites(
        JobContext context, ComputeDevice device, VerifyOptions options, int[] tokens)
    {
        using LoadedModel loaded = LoadedModel.Open(
            context, device, options.Model, allowNonfinite: options.AllowNonfinite);
        return ([.. SiteParity.Measure(loaded.Model, tokens)
            .Select(s => new VerifiedSite(SiteNames.Of(s.Kind), s.Error, s.Largest, s.Bound, s.Passes))],
            loaded.Model.NonfiniteWeights is null);
    }

    static bool SameSizes(ModelConfig a, ModelConfig b)
        => (a.VocabSize, a.ContextLength, a.Width, a.Layers, a.Heads)
        == (b.VocabSize, b.ContextLength, b.Width, b.Layers, b.Heads);
}
