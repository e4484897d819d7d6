using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>
/// Describes a lens file; stored as JSON in the file's metadata and again in <c>lens.json</c>.
/// </summary>
public sealed record LensMetadata
{
    /// <summary>The only format version that this program reads.</summary>
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

    /// <summary>Format version of the file.</summary>
    public string Format { get; init; } = CurrentFormat;

    /// <summary>Kind, rank and initial values of the lens.</summary>
    public required LensOptions Lens { get; init; }

    /// <summary>Layers that have a lens, ascending.</summary>
    public required IReadOnlyList<int> Layers { get; init; }

    /// <summary>Heads per layer of the model, H.</summary>
    public required int Heads { get; init; }

    /// <summary>Width of the model's residual stream, C.</summary>
    public required int Width { get; init; }

    /// <summary>Size of the model's vocabulary, V.</summary>
    public required int VocabSize { get; init; }

    /// <summary>
    /// <see cref="ModelFolder.Hash"/> of the model that the lens was made for; other models are refused.
    /// </summary>
    public required string ModelHash { get; init; }

    /// <summary>[layers]: training steps of each layer's stored lens.</summary>
    public required IReadOnlyList<int> Steps { get; init; }

    /// <summary>[layers]: whether the training of the layer is complete.</summary>
    public required IReadOnlyList<bool> Complete { get; init; }

    /// <summary>
    /// [layers]: mean KL of each layer's lens on the validation texts, nats; null if no texts were held out.
    /// </summary>
    public IReadOnlyList<double?>? ValidationKl { get; init; }

    /// <summary>
    /// [layers]: mean KL of the logit lens on the validation texts, nats; null until the layer's training is
    /// complete.
    /// </summary>
    public IReadOnlyList<double?>? LogitLensKl { get; init; }

    /// <summary>Options of the training; null if the lens was not trained.</summary>
    public JsonObject? Training { get; init; }

    /// <summary>Version of the program that wrote the file.</summary>
    public string CodeVersion { get; init; } = new Manifest { Command = "" }.CodeVersion;

    /// <summary>Creates the metadata of untrained lenses.</summary>
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

    /// <summary>Returns the metadata as JSON text.</summary>
    public override string ToString() => JsonSerializer.Serialize(this, s_json);

    /// <summary>Returns the options of a lens as JSON, in the form of the file.</summary>
    internal static JsonNode Json(LensOptions options) => JsonSerializer.SerializeToNode(options, s_json)!;

    /// <summary>Parses the JSON text from a file's metadata.</summary>
    /// <exception cref="UserException">The text is missing, or it does not describe a lens.</exception>
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
