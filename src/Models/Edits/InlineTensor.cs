using System.Buffers.Binary;
using System.Text.Json;
using System.Text.Json.Nodes;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// A value inside a spec: <c>{"base64": "…", "shape": […]}</c>, the little-endian float32 numbers of a
/// tensor, row-major. Shape [] is one number for every place, one extent is a row for all places, more are
/// a recording.
/// </summary>
static class InlineTensor
{
    /// <summary>Reads a value.</summary>
    /// <exception cref="UserException">The text is no base64, its length is not the shape's, or a number is
    /// not finite.</exception>
    internal static EditValue Read(JsonElement json, string source)
    {
        EditSpec.RequireOnly(json, source, "base64", "shape");
        int[] shape = EditSpec.Integers(json, "shape", source, 1)
            ?? throw EditSpec.Wrong(source, "shape is missing beside base64; expected a list of extents");
        byte[] bytes = Bytes(json, source);
        double expected = shape.Aggregate((double)sizeof(float), (product, extent) => product * extent);
        if (bytes.Length != expected)
            throw EditSpec.Wrong(source, $"base64 has {Counted.Of(bytes.Length, "byte")}; expected "
                + FormattableString.Invariant($"{expected:0}, 4 for each number of a tensor of shape ")
                + Quoted.Shape(shape));
        float[] values = new float[bytes.Length / sizeof(float)];
        for (int i = 0; i < values.Length; i++)
            values[i] = BinaryPrimitives.ReadSingleLittleEndian(bytes.AsSpan(i * sizeof(float)));
        // Recorded scores are minus infinity where masked, and have four axes; the site knows the rest.
        if (NotFinite(values, shape, masked: shape.Length == 4) is { } what)
            throw EditSpec.Wrong(source, $"base64 {what}; expected finite numbers");
        return shape.Length == 0 ? EditValue.Constant(values[0])
            : shape.Length == 1 ? EditValue.Numbers(values) : EditValue.Recorded(values, shape);
    }

    /// <summary>The JSON of a recording.</summary>
    /// <exception cref="UserException">A number is not finite.</exception>
    internal static JsonObject ToJson(Edit edit, RecordedValue value)
    {
        (float[] values, int[] shape) = value;
        if (NotFinite(values, shape, masked: shape.Length == 4) is { } what)
            throw edit.Wrong($"its value {what}; a number that is not finite cannot be written");
        byte[] bytes = new byte[values.Length * sizeof(float)];
        for (int i = 0; i < values.Length; i++)
            BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(i * sizeof(float)), values[i]);
        return new JsonObject
        {
            ["base64"] = Convert.ToBase64String(bytes), ["shape"] = EditSpec.List(shape),
        };
    }

    static string? NotFinite(float[] values, int[] shape, bool masked) => FiniteNumbers.All(values) ? null
        : FiniteNumbers.Describe([.. shape], values.Length, masked,
            (start, piece) => values.AsSpan((int)start, piece.Length).CopyTo(piece));

    static byte[] Bytes(JsonElement json, string source)
    {
        if (!json.TryGetProperty("base64", out JsonElement text) || text.ValueKind != JsonValueKind.String)
            throw EditSpec.Wrong(source, "base64 is missing or no text; expected float32 numbers as base64");
        try
        {
            if (text.TryGetBytesFromBase64(out byte[]? bytes))
                return bytes;
        }
        catch (InvalidOperationException)
        {
            // Half of a surrogate pair is no text, and so no base64.
        }
        throw EditSpec.Wrong(source, "base64 cannot be read; expected A to Z, a to z, 0 to 9, + and /, and = "
            + "at the end up to a multiple of 4 letters");
    }
}
