using System.Text.Json;
using System.Text.Json.Serialization;

namespace HeadTap.Unlearn;

/// <summary>
/// Writes a regulariser's option values as manifests and checkpoints store them: every name that a method had
/// when the format was made, null without a value. A checkpoint holds a hash of this text, so it must not
/// change.
/// </summary>
sealed class RegulariserSettingsJson : JsonConverter<MethodSettings>
{
    static readonly string[] s_names =
    [
        "Epochs", "BatchRows", "LearningRate", "Momentum", "WeightDecay", "Alpha", "Lambda", "Beta",
        "PathSteps", "Gradients", "Block", "Damping", "Layer", "Strength", "Share", "Probability", "Record",
    ];

    public override MethodSettings Read(
        ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        var settings = new MethodSettings();
        foreach (JsonProperty property in JsonElement.ParseValue(ref reader).EnumerateObject())
            if (property.Value.ValueKind == JsonValueKind.Number)
                settings = settings.With(property.Name, property.Value.GetDouble());
        return settings;
    }

    public override void Write(Utf8JsonWriter writer, MethodSettings value, JsonSerializerOptions options)
    {
        writer.WriteStartObject();
        foreach (string name in s_names)
            if (!value.TryGet(name, out double number))
                writer.WriteNull(name);
            else if (name == "Record")
                writer.WriteNumber(name, (int)number);
            else
                writer.WriteNumber(name, (float)number);
        writer.WriteEndObject();
    }
}
