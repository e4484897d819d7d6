using System.Text.Json;
using System.Text.Json.Serialization;

namespace HeadTap.Jobs;

/// <summary>Writes a number that is not finite as null, because JSON has no NaN.</summary>
public sealed class JsonNumberConverter : JsonConverter<double>
{
    /// <inheritdoc/>
    public override double Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        => reader.TokenType == JsonTokenType.Null ? double.NaN : reader.GetDouble();

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, double value, JsonSerializerOptions options)
    {
        ArgumentNullException.ThrowIfNull(writer);
        if (double.IsFinite(value))
            writer.WriteNumberValue(value);
        else
            writer.WriteNullValue();
    }

    /// <inheritdoc/>
    public override bool HandleNull => true;
}
