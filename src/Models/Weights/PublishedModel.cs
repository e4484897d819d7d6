using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>A model on the Hugging Face hub that <see cref="WeightsDownload"/> can fetch.</summary>
/// <param name="Name">What the user types.</param>
/// <param name="Repository">Its repository on the hub.</param>
/// <param name="Config">Its sizes, known before anything is fetched.</param>
public sealed record PublishedModel(string Name, string Repository, ModelConfig Config)
{
    /// <summary>The five models.</summary>
    public static IReadOnlyList<PublishedModel> All { get; } =
    [
        new("gpt2", "openai-community/gpt2", Gpt2.Small),
        new("gpt2-medium", "openai-community/gpt2-medium", Gpt2.Medium),
        new("gpt2-large", "openai-community/gpt2-large", Gpt2.Large),
        new("gpt2-xl", "openai-community/gpt2-xl", Gpt2.Xl),
        new("distilgpt2", "distilbert/distilgpt2", Gpt2.Distil),
    ];

    /// <summary>The files of a model folder, small ones first; tokenizer.json may be absent on the
    /// hub.</summary>
    internal static IReadOnlyList<(string File, bool Optional)> Files { get; } =
    [
        ("config.json", false), ("vocab.json", false), ("merges.txt", false), ("tokenizer.json", true),
        ("model.safetensors", false),
    ];

    /// <summary>A model by its name.</summary>
    /// <exception cref="UserException">No model has this name.</exception>
    public static PublishedModel Find(string name) => All.FirstOrDefault(model => model.Name == name)
        ?? throw new UserException(
            $"model {Quoted.Name(name)}: not one that can be fetched; expected "
                + $"{string.Join(", ", All.Select(m => m.Name))}.");
}
