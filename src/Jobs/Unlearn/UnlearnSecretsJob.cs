using System.Text.Json.Nodes;
using HeadTap.Atlas;
using HeadTap.Models;
using HeadTap.Runtime;
using HeadTap.Unlearn;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="UnlearnSecretsJob"/>.</summary>
public sealed record UnlearnSecretsOptions
{
    /// <summary>Folder of the model; its tokenizer encodes the sequences.</summary>
    public required string Model { get; init; }

    /// <summary>Seed of the corpus that the model was trained on.</summary>
    public ulong AtlasSeed { get; init; } = 1;

    /// <summary>Number of documents to keep, drawn by the job's seed; at least 1.</summary>
    public int Documents { get; init; } = 512;

    /// <summary>Folder for forget.jsonl, keep.jsonl and asked-N.jsonl.</summary>
    public required string Out { get; init; }
}

/// <summary>The files that were written.</summary>
/// <param name="Forget">File of the secrets.</param>
/// <param name="Secrets">Number of secrets.</param>
/// <param name="Keep">File of the documents without a secret.</param>
/// <param name="Documents">Number of documents.</param>
/// <param name="Asked">Way of asking for the secrets, by file.</param>
public sealed record UnlearnSecretsResult(string Forget, int Secrets, string Keep, int Documents,
    IReadOnlyDictionary<string, string> Asked);

/// <summary>
/// Writes the atlas's planted secrets as sequences to forget, documents without secrets as rows to keep, and
/// other prompts for the secrets.
/// </summary>
public static class UnlearnSecretsJob
{
    /// <summary>Runs the job and returns its result.</summary>
    /// <exception cref="UserException">The model cannot be read, or the folder already has these
    /// files.</exception>
    public static UnlearnSecretsResult Run(UnlearnSecretsOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        if (options.Documents < 1)
            throw new UserException($"{Field.Of(nameof(options.Documents))} is {options.Documents}; expected "
                + "1 or more");
        ModelConfig config = ModelFolder.ReadConfig(options.Model);
        ByteBpeTokenizer tokenizer = ByteBpeTokenizer.Load(options.Model);
        string forget = Path.Combine(options.Out, "forget.jsonl"),
            keep = Path.Combine(options.Out, "keep.jsonl");
        if (File.Exists(forget))
            throw new UserException($"{Quoted.Path(forget)}: is there already; expected another folder");
        Manifest.RequireNone(options.Out);
        SecretSequences found = SecretSequences.Of(new AtlasCorpus(AtlasFacts.Shipped, options.AtlasSeed),
            tokenizer, config.ContextLength, options.Documents, context.Seed);
        SequenceFile.Write(keep, found.Keep.Select(row => new PlantedSequence(row)));
        var ways = new Dictionary<string, string>();
        foreach ((int i, (string way, IReadOnlyList<PlantedSequence> sequences)) in found.Asked.Index())
        {
            string file = Path.Combine(options.Out, $"asked-{i + 1}.jsonl");
            SequenceFile.Write(file, sequences);
            ways[file] = way;
        }
        SequenceFile.Write(forget, found.Forget);
        new Manifest
        {
            Command = "unlearn secrets",
            Options = new JsonObject
            {
                ["atlas_seed"] = options.AtlasSeed, ["documents"] = options.Documents,
                ["asked"] = new JsonObject(ways.Select(w =>
                    KeyValuePair.Create(w.Key, (JsonNode?)JsonValue.Create(w.Value)))),
            },
            Seed = context.Seed,
            DataHash = FileHash.Sha256(forget, keep),
        }.WriteBeside(options.Out);
        return new UnlearnSecretsResult(forget, found.Forget.Count, keep, found.Keep.Count, ways);
    }
}
