using System.Text.Json;
using HeadTap.Models;

namespace HeadTap.Jobs;

/// <summary>The most likely tokens of each row that a read took.</summary>
/// <param name="Shape">Extents of the rows.</param>
/// <param name="Rows">Tokens with their probabilities, descending.</param>
public sealed record AccessWords(
    int[] Shape, IReadOnlyList<IReadOnlyList<(int Token, double Probability)>> Rows);

/// <summary>What was found for one input.</summary>
public sealed class AccessResult
{
    /// <summary>Values by site, in the order of the reads.</summary>
    public OrderedDictionary<string, object> Reads { get; } = [];

    /// <summary>Gradients by site or parameter.</summary>
    public OrderedDictionary<string, AccessTensor> Gradients { get; } = [];

    /// <summary>The number whose gradient was taken; null for none.</summary>
    public double? GradientOf { get; set; }

    /// <summary>[V]: logits after the last token; null if they were not asked for.</summary>
    public float[]? Logits { get; set; }

    /// <summary>What was read through a lens; null if nothing was asked for.</summary>
    public LensAnswer? Lens { get; set; }

    /// <summary>The continuation; null if none was asked for.</summary>
    public SequenceResult? Continuation { get; set; }

    /// <summary>The tensors with names for a file, without the input's own.</summary>
    public IEnumerable<(string Name, AccessTensor Tensor)> Tensors()
    {
        foreach ((string site, object value) in Reads)
            if (value is AccessTensor tensor)
                yield return (site, tensor);
        foreach ((string at, AccessTensor tensor) in Gradients)
            yield return ($"grad.{at}", tensor);
        if (Logits is not null)
            yield return ("logits_last", new AccessTensor([Logits.Length], Logits));
    }

    /// <summary>Writes the object of one input.</summary>
    /// <param name="json">Where to.</param>
    /// <param name="tokenizer">Makes texts of tokens; null for ids alone.</param>
    /// <param name="base64">See <see cref="AccessTensor.Write"/>.</param>
    /// <param name="tensors">Whether the numbers of <see cref="Tensors"/> are written here; false where a
    /// file has them.</param>
    public void Write(Utf8JsonWriter json, ByteBpeTokenizer? tokenizer, bool base64, bool tensors = true)
    {
        ArgumentNullException.ThrowIfNull(json);
        json.WriteStartObject();
        json.WriteStartObject("reads"u8);
        foreach ((string site, object value) in Reads)
        {
            if (value is AccessTensor && !tensors)
                continue;
            json.WritePropertyName(site);
            if (value is AccessTensor tensor)
                tensor.Write(json, base64);
            else
                Write(json, (AccessWords)value, tokenizer);
        }
        json.WriteEndObject();
        Lens?.Write(json, tokenizer);
        if (GradientOf is { } of)
        {
            if (tensors)
            {
                json.WriteStartObject("grads"u8);
                foreach ((string at, AccessTensor tensor) in Gradients)
                {
                    json.WritePropertyName(at);
                    tensor.Write(json, base64);
                }
                json.WriteEndObject();
            }
            json.WriteNumber("grads_of"u8, of);
        }
        if (Logits is not null && tensors)
        {
            json.WritePropertyName("logits_last"u8);
            new AccessTensor([Logits.Length], Logits).Write(json, base64);
        }
        if (Continuation is { } made)
        {
            json.WriteStartObject("generated"u8);
            json.WriteStartArray("ids"u8);
            foreach (int id in made.Tokens)
                json.WriteNumberValue(id);
            json.WriteEndArray();
            json.WriteString("text"u8, tokenizer?.Decode([.. made.Tokens]));
            json.WriteString("finish_reason"u8, made.Reason == FinishReason.Stop ? "stop" : "length");
            json.WriteEndObject();
        }
        json.WriteEndObject();
    }

    static void Write(Utf8JsonWriter json, AccessWords words, ByteBpeTokenizer? tokenizer)
    {
        json.WriteStartObject();
        json.WriteStartArray("shape"u8);
        foreach (int extent in words.Shape)
            json.WriteNumberValue(extent);
        json.WriteEndArray();
        json.WriteStartArray("top"u8);
        foreach (IReadOnlyList<(int Token, double Probability)> row in words.Rows)
        {
            json.WriteStartArray();
            foreach ((int token, double probability) in row)
            {
                json.WriteStartObject();
                json.WriteNumber("id"u8, token);
                json.WriteString("token"u8, tokenizer?.TokenText(token));
                json.WriteNumber("prob"u8, probability);
                json.WriteEndObject();
            }
            json.WriteEndArray();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }
}
