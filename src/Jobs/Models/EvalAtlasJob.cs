using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using HeadTap.Atlas;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="EvalAtlasJob"/>.</summary>
public sealed record EvalAtlasOptions
{
    /// <summary>Folder of the model, in Hugging Face's format.</summary>
    public required string Model { get; init; }

    /// <summary>
    /// Seed of the corpus whose questions are asked; null takes the seed in the folder's manifest.json, else
    /// <see cref="ShippedModel.CorpusSeed"/>.
    /// </summary>
    public ulong? AtlasSeed { get; init; }
}

/// <summary>The scores of a model on the atlas's questions.</summary>
/// <param name="AtlasSeed">Seed of the corpus whose questions were asked.</param>
/// <param name="Atlas">Scores per kind of question, then per kind and target.</param>
public sealed record EvalAtlasResult(ulong AtlasSeed, IReadOnlyList<AtlasAnswers> Atlas)
{
    /// <summary>The evaluation, which can also print a text table.</summary>
    [JsonIgnore]
    public AtlasEvaluation? Evaluation { get; init; }
}

/// <summary>The number of right answers to questions of one kind and target.</summary>
/// <param name="Kind">Kind of question, from <see cref="AtlasPromptKind"/>.</param>
/// <param name="Target">Relation that was asked for; null for secrets, and for all targets together.</param>
/// <param name="Right">Number of questions answered correctly.</param>
/// <param name="Total">Number of questions asked.</param>
public sealed record AtlasAnswers(string Kind, string? Target, int Right, int Total)
{
    internal static IReadOnlyList<AtlasAnswers> Of(AtlasEvaluation found) =>
        [.. found.Scores.Select(s => new AtlasAnswers(s.Kind, s.Target?.ToString(), s.Right, s.Total))];
}

/// <summary>Asks a model all questions of the atlas.</summary>
public static class EvalAtlasJob
{
    /// <summary>Runs the job and returns its result.</summary>
    /// <exception cref="UserException">The folder lacks a file, a question does not fit the model, or the
    /// pass does not fit the device.</exception>
    /// <exception cref="OperationCanceledException">The job was cancelled.</exception>
    public static EvalAtlasResult Run(EvalAtlasOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        ulong seed = options.AtlasSeed ?? CorpusOf(options.Model);
        ModelFolder.ReadConfig(options.Model); // reports a missing folder before any missing file
        ByteBpeTokenizer tokenizer = ByteBpeTokenizer.Load(options.Model);
        using ComputeDevice device = context.OpenDevice();
        using LoadedModel loaded = LoadedModel.Open(context, device, options.Model);
        AtlasEvaluation found = AtlasEvaluation.Run(loaded.Model, tokenizer,
            new AtlasCorpus(AtlasFacts.Shipped, seed), (done, total) =>
                context.Report("asking", (double)done / total, $"{done} of {total}"));
        return new EvalAtlasResult(seed, AtlasAnswers.Of(found)) { Evaluation = found };
    }

    // TrainJob writes the training data of a model into the manifest of its folder.
    static ulong CorpusOf(string folder)
    {
        string manifest = Path.Combine(folder, "manifest.json");
        return File.Exists(manifest) && Manifest.Read(manifest).Options["data"] is JsonObject data
            && data["atlas"] is JsonObject atlas && atlas["seed"] is JsonValue seed
            && seed.TryGetValue(out ulong found)
            ? found : ShippedModel.CorpusSeed;
    }
}
