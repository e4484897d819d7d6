using HeadTap.Inject;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="VerifyJob"/>.</summary>
public sealed record VerifyOptions
{
    /// <summary>A model folder as Hugging Face keeps it.</summary>
    public required string Model { get; init; }

    /// <summary>Token ids to run, with commas between them: "1,2,3". Null for drawn ones.</summary>
    public string? Ids { get; init; }

    /// <summary>How many tokens are drawn where <see cref="Ids"/> is null.</summary>
    public int Tokens { get; init; } = 16;

    /// <summary>
    /// A clone of the repository of arXiv 2309.05605: GPT-2 small and large are held against its whole data
    /// sets too. Null for none.
    /// </summary>
    public string? MemoryInjections { get; init; }
}

/// <summary>Compares every site of a model with the float64 reference, and injections with published
/// numbers.</summary>
public static class VerifyJob
{
    /// <summary>Runs the job.</summary>
    /// <exception cref="UserException">An option is wrong or does not fit the model, or the pass does not fit
    /// the device.</exception>
    /// <exception cref="OperationCanceledException">The job is to end.</exception>
    public static VerifyResult Run(VerifyOptions options, JobContext context) => Run(options, context, null);

    /// <param name="options">What to verify.</param>
    /// <param name="context">Where.</param>
    /// <param name="expected">Injections to compare; null takes those published for the model's
    /// sizes.</param>
    internal static VerifyResult Run(
        VerifyOptions options, JobContext context, PublishedInjections? expected)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        string folder = options.Model;
        ModelConfig config = ModelFolder.ReadConfig(folder);
        int[] tokens = TokensOf(options, config, context.Seed);
        // Equal sizes say which model it should be; what its weights should be is known only where it came
        // from.
        PublishedModel? published = PublishedModel.All.FirstOrDefault(p => SameSizes(p.Config, config));
        VerifyInjections.Plan plan = VerifyInjections.Prepare(folder,
            expected ?? PublishedInjections.All.FirstOrDefault(p => p.Model == published?.Name),
            options.MemoryInjections);
        using ComputeDevice device = context.OpenDevice();
        VerifiedSite[] sites = MeasureSites(context, device, folder, tokens);
        VerifiedInjections injections = VerifyInjections.Measure(context, device, folder, plan);
        return new VerifyResult(sites.All(s => s.Passed) && injections.Passed, device.Name, tokens.Length,
            ModelFolder.Hash(folder), published?.Name, sites, injections)
        {
            Repository = published?.Repository,
        };
    }

    static int[] TokensOf(VerifyOptions options, ModelConfig config, ulong seed)
    {
        int count = options.Tokens;
        if (options.Ids is null && (count < 1 || count > config.ContextLength))
            throw new UserException(
                $"Tokens is {count}; expected 1 to {config.ContextLength}, the model's context",
                nameof(VerifyOptions.Tokens));
        var random = new SeededRandom(seed);
        int[] tokens = options.Ids is { } ids ? TokenRowsFile.ParseIds(ids, nameof(VerifyOptions.Ids))
            : [.. Enumerable.Range(0, count).Select(_ => random.Next(config.VocabSize))];
        new SequenceBatch([tokens]).Validate(config);
        return tokens;
    }

    // The model is given back before its processed copy is made: GPT-2 large fits once more often than twice.
    static VerifiedSite[] MeasureSites(JobContext context, ComputeDevice device, string folder, int[] tokens)
    {
        using LoadedModel loaded = LoadedModel.Open(context, device, folder);
        return [.. SiteParity.Measure(loaded.Model, tokens)
            .Select(s => new VerifiedSite(SiteNames.Of(s.Kind), s.Error, s.Largest, s.Bound, s.Passes))];
    }

    static bool SameSizes(ModelConfig a, ModelConfig b)
        => (a.VocabSize, a.ContextLength, a.Width, a.Layers, a.Heads)
        == (b.VocabSize, b.ContextLength, b.Width, b.Layers, b.Heads);
}
