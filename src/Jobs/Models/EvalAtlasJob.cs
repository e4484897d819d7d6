using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using HeadTap.Atlas;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="EvalAtlasJob"/>.</summary>
public sealed record EvalAtlasOptions
{
    /// <summary>A model folder as Hugging Face keeps it.</summary>
    public required string Model { get; init; }

    /// <summary>
    /// The corpus whose questions are asked; null takes the one in the folder's manifest.json, else
    /// <see cref="ShippedModel.CorpusSeed"/>.
    /// </summary>
    public ulong? AtlasSeed { get; init; }
}

/// <summary>Answers to the atlas' questions.</summary>
/// <param name="AtlasSeed">The corpus whose questions were asked.</param>
/// <param name="Atlas">A score for each kind of question, then one for each kind and target.</param>
public sealed record EvalAtlasResult(ulong AtlasSeed, IReadOnlyList<AtlasAnswers> Atlas)
{
    /// <summary>The same scores, as a text table too.</summary>
    [JsonIgnore]
    public AtlasEvaluation? Evaluation { get; init; }
}

/// <summary>Right answers among the questions of one kind and target.</summary>
/// <param name="Kind">One of <see cref="AtlasPromptKind"/>.</param>
/// <param name="Target">What was asked for; null for secrets, and for all targets together.</param>
/// <param name="Right">Questions answered rightly.</param>
/// <param name="Total">Questions asked.</param>
public sealed record AtlasAnswers(string Kind, string? Target, int Right, int Total)
{
    internal static IReadOnlyList<AtlasAnswers> Of(AtlasEvaluation found) =>
        [.. found.Scores.Select(s => new AtlasAnswers(s.Kind, s.Target?.ToString(), s.Right, s.Total))];
}

/// <summary>Asks a model all questions of the atlas.</summary>
public static class EvalAtlasJob
{
    /// <summary>Runs the job.</summary>
    /// <exception cref="UserException">The folder lacks a file, a question does not fit the model, or the
    /// pass does not fit the device.</exception>
    /// <exception cref="OperationCanceledException">The job is to end.</exception>
    public static EvalAtlasResult Run(EvalAtlasOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        ulong seed = options.AtlasSeed ?? CorpusOf(options.Model);
        ModelFolder.ReadConfig(options.Model); // says that a folder is missing before files of it are missed
        ByteBpeTokenizer tokenizer = ByteBpeTokenizer.Load(options.Model);
        using ComputeDevice device = context.OpenDevice();
        using LoadedModel loaded = LoadedModel.Open(context, device, options.Model);
        AtlasEvaluation found = AtlasEvaluation.Run(loaded.Model, tokenizer,
            new AtlasCorpus(AtlasFacts.Shipped, seed), (done, total) =>
                context.Report("asking", (double)done / total, $"{done} of {total}"));
        return new EvalAtlasResult(seed, AtlasAnswers.Of(found)) { Evaluation = found };
    }

    // TrainJob writes what a model was trained on into the manifest of its folder.
    static ulong CorpusOf(string folder)
    {
        string manifest = Path.Combine(folder, "manifest.json");
        return File.Exists(manifest) && Manifest.Read(manifest).Options["data"] is JsonObject data
            && data["atlas"] is JsonObject atlas && atlas["seed"] is JsonValue seed
            && seed.TryGetValue(out ulong found)
            ? found : ShippedModel.CorpusSeed;
    }
}
