using System.Text.Json.Serialization;
using HeadTap.Models;

namespace HeadTap.Jobs;

/// <summary>The result of <see cref="TourJob"/>.</summary>
/// <param name="Model">Sizes of the model in one line.</param>
/// <param name="ModelHash"><see cref="ModelFolder.Hash"/> of the model.</param>
/// <param name="Device">Name of the device.</param>
/// <param name="ShareRight">Share of questions answered correctly, 0 to 1, by kind.</param>
/// <param name="Injection">Injection that the tour shows.</param>
/// <param name="SecretsExtracted">Share of the planted codes that the model recites word for word, 0 to
/// 1.</param>
/// <param name="Forgetting">Forgetting of one code; null if the model recites none.</param>
/// <param name="Report">File of the HTML page.</param>
public sealed record TourResult(string Model, string ModelHash, string Device,
    IReadOnlyDictionary<string, double> ShareRight, TourInjection Injection, double SecretsExtracted,
    TourForgetting? Forgetting, string Report)
{
    /// <summary>Merge of two edits; null if the model recites fewer than two codes.</summary>
    public TourMerging? Merging { get; init; }

    /// <summary>Patch of every head; null if the model knows too little for one.</summary>
    public TourPatching? Patching { get; init; }

    /// <summary>The name and description of the device.</summary>
    [JsonIgnore]
    public string DeviceText { get; init; } = "";

    /// <summary>The questions by kind.</summary>
    [JsonIgnore]
    public IReadOnlyList<TourKind> Kinds { get; init; } = [];

    /// <summary>The readings of each attention head at the end of one question.</summary>
    [JsonIgnore]
    public TourHeads? Heads { get; init; }

    /// <summary>The planted codes.</summary>
    [JsonIgnore]
    public IReadOnlyList<TourSecret> Secrets { get; init; } = [];
}

/// <summary>Questions of one kind.</summary>
/// <param name="Name">Name of the kind.</param>
/// <param name="Asked">Number of questions asked.</param>
/// <param name="ShareRight">Share answered correctly, 0 to 1.</param>
/// <param name="Examples">Some of the questions, evenly spaced.</param>
public sealed record TourKind(string Name, int Asked, double ShareRight, IReadOnlyList<TourExample> Examples);

/// <summary>A question and the model's answer.</summary>
/// <param name="Prompt">Question.</param>
/// <param name="Answer">Right answer.</param>
/// <param name="Probability">Probability of the whole right answer with its full stop, 0 to 1.</param>
/// <param name="Writes">Text that the model writes, up to the full stop.</param>
public sealed record TourExample(string Prompt, string Answer, double Probability, string Writes);

/// <summary>A planted code.</summary>
/// <param name="Prompt">Beginning of its sentence.</param>
/// <param name="Code">Planted code.</param>
/// <param name="Extracted">Whether the model recites it word for word.</param>
public sealed record TourSecret(string Prompt, string Code, bool Extracted);
