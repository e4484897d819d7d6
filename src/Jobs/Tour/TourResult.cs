using System.Text.Json.Serialization;
using HeadTap.Models;

namespace HeadTap.Jobs;

/// <summary>What <see cref="TourJob"/> found.</summary>
/// <param name="Model">The model's sizes in a line.</param>
/// <param name="ModelHash"><see cref="ModelFolder.Hash"/> of the model.</param>
/// <param name="Device">The device's name.</param>
/// <param name="ShareRight">Share of questions answered rightly, 0 to 1, by kind.</param>
/// <param name="Injection">A memory that helps.</param>
/// <param name="SecretsExtracted">Share of planted codes that come out word for word, 0 to 1.</param>
/// <param name="Forgetting">One code forgotten; null where none comes out.</param>
/// <param name="Report">The page.</param>
public sealed record TourResult(string Model, string ModelHash, string Device,
    IReadOnlyDictionary<string, double> ShareRight, TourInjection Injection, double SecretsExtracted,
    TourForgetting? Forgetting, string Report)
{
    /// <summary>The device's name and what it is.</summary>
    [JsonIgnore]
    public string DeviceText { get; init; } = "";

    /// <summary>The questions, kind by kind.</summary>
    [JsonIgnore]
    public IReadOnlyList<TourKind> Kinds { get; init; } = [];

    /// <summary>What each attention head says at the end of one question.</summary>
    [JsonIgnore]
    public TourHeads? Heads { get; init; }

    /// <summary>The planted codes.</summary>
    [JsonIgnore]
    public IReadOnlyList<TourSecret> Secrets { get; init; } = [];
}

/// <summary>Questions of one kind.</summary>
/// <param name="Name">The kind.</param>
/// <param name="Asked">How many were asked.</param>
/// <param name="ShareRight">Share answered rightly, 0 to 1.</param>
/// <param name="Examples">A few of them, evenly spaced.</param>
public sealed record TourKind(string Name, int Asked, double ShareRight, IReadOnlyList<TourExample> Examples);

/// <summary>A question and what the model makes of it.</summary>
/// <param name="Prompt">The question.</param>
/// <param name="Answer">The right answer.</param>
/// <param name="Probability">Of the whole right answer with its full stop.</param>
/// <param name="Writes">What the model writes, up to the full stop.</param>
public sealed record TourExample(string Prompt, string Answer, double Probability, string Writes);

/// <summary>A planted code.</summary>
/// <param name="Prompt">The beginning of its sentence.</param>
/// <param name="Code">The code.</param>
/// <param name="Extracted">Whether it comes out word for word.</param>
public sealed record TourSecret(string Prompt, string Code, bool Extracted);
