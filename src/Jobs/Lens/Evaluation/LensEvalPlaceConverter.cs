using System.Text.Json;
using System.Text.Json.Serialization;

namespace HeadTap.Jobs;

/// <summary>
/// Writes the scores of a layer or head as one flat object. It is written by hand because the name of the
/// additional agreement contains its k: top10.
/// </summary>
public sealed class LensEvalPlaceConverter : JsonConverter<LensEvalPlace>
{
    /// <inheritdoc/>
    public override LensEvalPlace Read(
        ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        => throw new NotSupportedException("scores are written, not read");

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, LensEvalPlace value, JsonSerializerOptions options)
    {
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentNullException.ThrowIfNull(value);
        writer.WriteStartObject();
        writer.WriteNumber("layer", value.Layer);
        if (value.Head is { } head)
            writer.WriteNumber("head", head);
        Number("kl", value.Score.Kl);
        Number("top1", value.Score.Top1);
        Number("top5", value.Score.Top5);
        if (value.Top is not (1 or 5))
            Number($"top{value.Top}", value.Score.TopK);
        Number("entropy", value.Score.Entropy);
        if (value.LogitLens is { } logit)
        {
            Number("kl_logit_lens", logit.Kl);
            if (value.Normalized is { } normalized)
                Number("kl_logit_lens_normalized", normalized.Kl);
            Number("top1_logit_lens", logit.Top1);
            Number("top5_logit_lens", logit.Top5);
            Number("entropy_logit_lens", logit.Entropy);
        }
        writer.WriteEndObject();

        void Number(string name, double number)
        {
            if (double.IsFinite(number))
                writer.WriteNumber(name, number);
            else
                writer.WriteNull(name);
        }
    }
}
