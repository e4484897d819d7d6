using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>What a lens file is: kept as JSON in the file's metadata, and beside it as <c>lens.json</c>.
/// </summary>
public sealed record LensMetadata
{
    /// <summary>The only version there is.</summary>
    public const string CurrentFormat = "headtap-lens-1";

    static readonly JsonSerializerOptions s_json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectRequiredConstructorParameters = true,
        RespectNullableAnnotations = true,
        WriteIndented = true,
        Converters =
        {
            new JsonStringEnumConverter(JsonNamingPolicy.KebabCaseLower, allowIntegerValues: false),
        },
    };

    /// <summary>The version.</summary>
    public string Format { get; init; } = CurrentFormat;

    /// <summary>Which lens.</summary>
    public required LensOptions Lens { get; init; }

    /// <summary>Layers with a lens, rising.</summary>
    public required IReadOnlyList<int> Layers { get; init; }

    /// <summary>H of the model.</summary>
    public required int Heads { get; init; }

    /// <summary>C of the model.</summary>
    public required int Width { get; init; }

    /// <summary>V of the model.</summary>
    public required int VocabSize { get; init; }

    /// <summary><see cref="ModelFolder.Hash"/> of the model that it reads; no other will do.</summary>
    public required string ModelHash { get; init; }

    /// <summary>Steps that each layer's lens has been trained for.</summary>
    public required IReadOnlyList<int> Steps { get; init; }

    /// <summary>Which layers' training is over.</summary>
    public required IReadOnlyList<bool> Complete { get; init; }

    /// <summary>Mean KL of each layer's lens on the validation texts, nats; null where none were held out.
    /// </summary>
    public IReadOnlyList<double?>? ValidationKl { get; init; }

    /// <summary>The same of the logit lens; null until a layer's training is over.</summary>
    public IReadOnlyList<double?>? LogitLensKl { get; init; }

    /// <summary>How it was trained; null if it was not.</summary>
    public JsonObject? Training { get; init; }

    /// <summary>This program's version.</summary>
    public string CodeVersion { get; init; } = new Manifest { Command = "" }.CodeVersion;

    /// <summary>The facts of a lens for a model.</summary>
    public static LensMetadata Of(LensSet lens, string modelHash)
    {
        ArgumentNullException.ThrowIfNull(lens);
        ModelConfig config = lens.Model.Config;
        return new LensMetadata
        {
            Lens = lens.Options, Layers = lens.Layers, Heads = config.Heads, Width = config.Width,
            VocabSize = config.VocabSize, ModelHash = modelHash, Steps = [.. lens.Layers.Select(_ => 0)],
            Complete = [.. lens.Layers.Select(_ => false)],
        };
    }

    /// <summary>The facts as text.</summary>
    public override string ToString() => JsonSerializer.Serialize(this, s_json);

    /// <summary>The options of a lens as they stand in the file.</summary>
    internal static JsonNode Json(LensOptions options) => JsonSerializer.SerializeToNode(options, s_json)!;

    /// <summary>Reads facts from a file's metadata.</summary>
    /// <exception cref="UserException">They are not there or not right.</exception>
    internal static LensMetadata Parse(string path, string? text)
    {
        LensMetadata? facts;
        try
        {
            facts = text is null ? null : JsonSerializer.Deserialize<LensMetadata>(text, s_json);
        }
        catch (JsonException e)
        {
            throw new UserException(
                $"{Quoted.Path(path)}: what it says of its lens is damaged ({Quoted.Line(e.Message)})", e);
        }
        if (facts is null || facts.Format != CurrentFormat)
            throw new UserException($"{Quoted.Path(path)}: not a lens of this version "
                + $"({CurrentFormat}); expected a folder that `lens train` wrote");
        int layers = facts.Layers.Count;
        if (layers == 0 || facts.Steps.Count != layers || facts.Complete.Count != layers
            || facts.Layers.Zip(facts.Layers.Skip(1), (a, b) => b - a).Any(step => step < 1)
            || facts.Layers[0] < 0 || (facts.ValidationKl is { } kl && kl.Count != layers)
            || (facts.LogitLensKl is { } logit && logit.Count != layers))
            throw new UserException($"{Quoted.Path(path)}: what it says of its lens is damaged (its layers)");
        return facts;
    }
}
