using System.Text.Json;
using HeadTap.Lens;
using HeadTap.Models;

namespace HeadTap.Jobs;

/// <summary>What a lens says of one input.</summary>
/// <param name="Name">The lens.</param>
/// <param name="Positions">The places that were read.</param>
/// <param name="Layers">Its readings.</param>
public sealed record LensAnswer(
    string Name, IReadOnlyList<int> Positions, IReadOnlyList<LayerReading> Layers)
{
    /// <summary>Writes the field <c>lens</c>: for each layer the whole layer's words and those of its
    /// heads, each a list by position. <c>favour</c> is the lens logit of the model's own next token, minus
    /// the mean over the vocabulary.</summary>
    internal void Write(Utf8JsonWriter json, ByteBpeTokenizer? tokenizer)
    {
        json.WriteStartObject("lens"u8);
        json.WriteString("name"u8, Name);
        json.WriteStartArray("positions"u8);
        foreach (int position in Positions)
            json.WriteNumberValue(position);
        json.WriteEndArray();
        json.WriteStartArray("layers"u8);
        foreach (LayerReading layer in Layers)
        {
            json.WriteStartObject();
            json.WriteNumber("layer"u8, layer.Layer);
            json.WritePropertyName("whole"u8);
            Write(json, layer.Whole, tokenizer);
            json.WriteStartArray("heads"u8);
            foreach (HeadReading head in layer.Heads)
            {
                json.WriteStartObject();
                json.WriteNumber("head"u8, head.Head);
                json.WritePropertyName("words"u8);
                Write(json, head.Words, tokenizer);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    static void Write(Utf8JsonWriter json, IReadOnlyList<LensWords> words, ByteBpeTokenizer? tokenizer)
    {
        json.WriteStartArray();
        foreach (LensWords at in words)
        {
            json.WriteStartObject();
            json.WriteNumber("favour"u8, at.CenteredLogit);
            json.WriteStartArray("top"u8);
            foreach (LensToken token in at.Top)
            {
                json.WriteStartObject();
                json.WriteNumber("id"u8, token.Id);
                json.WriteString("token"u8, tokenizer?.TokenText(token.Id));
                json.WriteNumber("logit"u8, token.Logit);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }
}
