using System.Text.Json.Nodes;
using HeadTap.Atlas;
using HeadTap.Jobs;
using HeadTap.Models;

namespace HeadTap.Merging;

/// <summary>Trains the atlas on a few texts, with as many characters of its own, so that it keeps what it
/// knows. What is there already is not made again, and what was stopped
/// goes on.</summary>
static class FineTuning
{
    const int Steps = 400;

    /// <summary>Trains a model.</summary>
    /// <param name="folder">Gets texts, config and model, by name.</param>
    /// <param name="name">Of the model.</param>
    /// <param name="documents">The training text.</param>
    /// <param name="seed">Of the order of rows.</param>
    /// <param name="context">Device and remarks.</param>
    /// <returns>Folder of the model and file of its text.</returns>
    internal static (string Model, string Text) Of(
        string folder, string name, IEnumerable<string> documents, ulong seed, JobContext context)
    {
        string model = Path.Combine(folder, name), text = model + ".jsonl", config = model + ".json";
        string[] own = [.. documents];
        int characters = own.Sum(d => d.Length);
        IEnumerable<string> others = AtlasCorpus.ShippedDocuments(1).Skip(100 * (int)seed)
            .TakeWhile(d => (characters -= d.Length) > 0);
        AtomicFile.WriteText(text, string.Concat(own.Concat(others).Select(d =>
            new JsonObject { ["text"] = d }.ToJsonString() + "\n")));
        AtomicFile.WriteText(config, new JsonObject
        {
            ["model"] = new JsonObject { ["from"] = Atlas },
            ["data"] = new JsonObject { ["files"] = new JsonArray(text) },
            ["tokenizer"] = new JsonObject { ["from"] = Atlas },
            ["rows"] = "shuffled", ["tokens_per_row"] = 64, ["batch_rows"] = 8, ["steps"] = Steps,
            ["optimizer"] = new JsonObject
            {
                ["adamw"] = new JsonObject
                {
                    ["learning_rate"] = 3e-4, ["beta1"] = 0.9, ["beta2"] = 0.95, ["epsilon"] = 1e-8,
                    ["weight_decay"] = 0.01,
                },
            },
            ["schedule"] = new JsonObject
            {
                ["kind"] = "cosine", ["warmup_steps"] = 20, ["minimum_rate"] = 1e-5,
            },
            ["clip"] = 1, ["checkpoint_every"] = 100, ["seed"] = seed,
        }.ToJsonString());
        TrainJob.Run(new TrainOptions { Config = config, Out = model }, context);
        return (model, text);
    }

    /// <summary>The model that all begin at.</summary>
    internal static string Atlas { get; } = Path.GetFullPath(Path.Combine("weights", "atlas"));
}
