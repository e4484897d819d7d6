using System.Runtime.InteropServices;
using System.Text.Json;

namespace HeadTap.Jobs;

/// <summary>Numbers that a request asked for.</summary>
/// <param name="Shape">Extents, row-major; empty for one number.</param>
/// <param name="Values">The numbers.</param>
public sealed record AccessTensor(int[] Shape, float[] Values)
{
    /// <summary>Writes <c>{"shape", "data"}</c>.</summary>
    /// <param name="json">Where to.</param>
    /// <param name="base64">Whether data is base64 of little-endian float32 instead of nested lists. In lists
    /// a number that is not finite is null.</param>
    public void Write(Utf8JsonWriter json, bool base64)
    {
        ArgumentNullException.ThrowIfNull(json);
        json.WriteStartObject();
        json.WriteStartArray("shape"u8);
        foreach (int extent in Shape)
            json.WriteNumberValue(extent);
        json.WriteEndArray();
        if (base64)
            json.WriteBase64String("data"u8, MemoryMarshal.AsBytes(Values.AsSpan()));
        else
        {
            json.WritePropertyName("data"u8);
            int at = 0;
            WriteList(json, 0, ref at);
        }
        json.WriteEndObject();
    }

    void WriteList(Utf8JsonWriter json, int axis, ref int at)
    {
        if (axis == Shape.Length)
        {
            float value = Values[at++];
            if (float.IsFinite(value))
                json.WriteNumberValue(value);
            else
                json.WriteNullValue();
            return;
        }
        json.WriteStartArray();
        for (int i = 0; i < Shape[axis]; i++)
            WriteList(json, axis + 1, ref at);
        json.WriteEndArray();
    }
}
