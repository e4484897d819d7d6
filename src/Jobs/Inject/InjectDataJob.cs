using System.Text.Json.Nodes;
using HeadTap.Atlas;
using HeadTap.Inject;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="InjectDataJob"/>.</summary>
public sealed record InjectDataOptions
{
    /// <summary>A .jsonl file for the pairs, one JSON object on each line.</summary>
    public required string Out { get; init; }

    /// <summary>The corpus whose held-out countries are asked about; 1 is the shipped model's.</summary>
    public ulong AtlasSeed { get; init; } = 1;
}

/// <summary>What was written.</summary>
/// <param name="Out">The file.</param>
/// <param name="Pairs">Number of pairs.</param>
/// <param name="Splits">By split: how many pairs, about how many countries.</param>
public sealed record InjectDataResult(string Out, int Pairs, IReadOnlyDictionary<string, PairSplit> Splits);

/// <summary>One split of the pairs.</summary>
/// <param name="Pairs">Number of pairs.</param>
/// <param name="Countries">Number of countries that they are about.</param>
public sealed record PairSplit(int Pairs, int Countries);

/// <summary>Writes two-hop questions of the atlas that its text never answers, in two splits by country.
/// </summary>
public static class InjectDataJob
{
    /// <summary>Runs the job.</summary>
    /// <exception cref="UserException">The file cannot be written.</exception>
    public static InjectDataResult Run(InjectDataOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        string file = options.Out;
        if (!Path.GetExtension(file).Equals(".jsonl", StringComparison.OrdinalIgnoreCase))
            throw new UserException($"Out is {Quoted.Name(file)}; expected a name that ends in .jsonl",
                nameof(options.Out));
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
