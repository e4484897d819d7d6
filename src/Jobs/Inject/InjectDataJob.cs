using System.Text.Json.Nodes;
using HeadTap.Atlas;
using HeadTap.Inject;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="InjectDataJob"/>.</summary>
public sealed record InjectDataOptions
{
    /// <summary>File for the pairs, .jsonl with one JSON object per line.</summary>
    public required string Out { get; init; }

    /// <summary>
    /// Seed of the corpus whose held-out countries are asked about; 1 is the shipped model's.
    /// </summary>
    public ulong AtlasSeed { get; init; } = 1;
}

/// <summary>The pairs that were written.</summary>
/// <param name="Out">File of the pairs.</param>
/// <param name="Pairs">Number of pairs.</param>
/// <param name="Splits">Numbers of pairs and countries by split.</param>
public sealed record InjectDataResult(string Out, int Pairs, IReadOnlyDictionary<string, PairSplit> Splits);

/// <summary>The size of one split.</summary>
/// <param name="Pairs">Number of pairs.</param>
/// <param name="Countries">Number of countries that the pairs are about.</param>
public sealed record PairSplit(int Pairs, int Countries);

/// <summary>
/// Writes two-hop questions of the atlas that its text never answers, in two splits by country.
/// </summary>
public static class InjectDataJob
{
    /// <summary>Runs the job and returns its result.</summary>
    /// <exception cref="UserException">The file cannot be written.</exception>
    public static InjectDataResult Run(InjectDataOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        string file = options.Out;
        if (!Path.GetExtension(file).Equals(".jsonl", StringComparison.OrdinalIgnoreCase))
            throw new UserException($"{Field.Of(nameof(options.Out))} is {Quoted.Name(file)}; expected a "
                + "name that ends in .jsonl");
        OutputFile.Require(file);
        IReadOnlyList<PromptPair> pairs =
            AtlasPairs.HeldOut(new AtlasCorpus(AtlasFacts.Shipped, options.AtlasSeed), context.Seed);
        context.Cancel.ThrowIfCancellationRequested();
        PromptPairs.Write(file, pairs);
        new Manifest
        {
            Command = "inject data",
            Options = new JsonObject { ["atlas_seed"] = options.AtlasSeed },
            Seed = context.Seed,
            DataHash = FileHash.Sha256(file),
        }.WriteBeside(file);
        return new InjectDataResult(file, pairs.Count, pairs.GroupBy(p => p.Split)
            .OrderByDescending(g => g.Key, StringComparer.Ordinal)
            .ToDictionary(g => g.Key, g => new PairSplit(g.Count(),
                g.Select(p => p.Bridge).Distinct().Count())));
    }
}
