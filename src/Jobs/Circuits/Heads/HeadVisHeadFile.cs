using System.Text.Encodings.Web;
using System.Text.Json;
using HeadTap.Circuits;

namespace HeadTap.Jobs;

/// <summary>One head's file of HeadVis' folder: sampled windows with sparse attention, and what is counted in
/// them.</summary>
static class HeadVisHeadFile
{
    const int TopTokens = 50;

    // Borders of the bins of distances, in tokens.
    static readonly int[] s_distances = [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096];

    /// <summary>Writes the file.</summary>
    internal static void Write(Stream stream, HeadVisHead head, HeadVisOptions options, LensText text)
    {
        using var json = new Utf8JsonWriter(stream,
            new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        json.WriteStartObject();
        json.WriteStartArray("sequences");
        foreach (HeadVisSequence sequence in head.Sequences)
            WriteSequence(json, sequence, text);
        json.WriteEndArray();
        WriteBins(json, "qk_distance_histogram", [.. s_distances.Select(d => (double)d)], Distances(head));
        WriteTokens(json, "top_query_tokens", head, text, (index, T) => index / T);
        WriteTokens(json, "top_key_tokens", head, text, (index, T) => index % T);
        WriteBins(json, "histogram",
            [.. Enumerable.Range(0, options.Bins + 1).Select(b => (double)b / options.Bins)],
            [.. head.Histogram.Select(n => (double)n)]);
        json.WriteStartObject("statistics");
        json.WriteNumber("n_samples", head.Sequences.Count);
        json.WriteNumber("mean_max_activation", Math.Round(head.MeanMaxAttention, 4));
        json.WriteEndObject();
        json.WriteEndObject();
    }

    static void WriteSequence(Utf8JsonWriter json, HeadVisSequence sequence, LensText text)
    {
        json.WriteStartObject();
        json.WriteNumber("sequence_id", sequence.Window);
        json.WriteNumber("interval", sequence.Interval);
        json.WriteStartArray("tokens");
        foreach (int token in sequence.Tokens)
            json.WriteStringValue(text.Of(token));
        json.WriteEndArray();
        json.WriteStartArray("attention_indices");
        foreach (int index in sequence.Indices)
            json.WriteNumberValue(index);
        json.WriteEndArray();
        json.WriteStartArray("attention_values");
        foreach (float value in sequence.Values)
            json.WriteNumberValue(Math.Round((double)value, 4));
        json.WriteEndArray();
        json.WriteNumber("seq_len", sequence.Tokens.Count);
        json.WriteNumber("max_activation", Math.Round((double)sequence.MaxAttention, 4));
        json.WriteEndObject();
    }

    static void WriteBins(Utf8JsonWriter json, string name, double[] edges, double[] values)
    {
        json.WriteStartObject(name);
        json.WriteStartArray("bin_edges");
        foreach (double edge in edges)
            json.WriteNumberValue(Math.Round(edge, 4));
        json.WriteEndArray();
        json.WriteStartArray("bin_values");
        foreach (double value in values)
            json.WriteNumberValue(Math.Round(value, 4));
        json.WriteEndArray();
        json.WriteEndObject();
    }

    // Attention by distance, of what the windows keep.
    static double[] Distances(HeadVisHead head)
    {
        double[] bins = new double[s_distances.Length - 1];
        foreach (HeadVisSequence s in head.Sequences)
            foreach ((int index, float value) in s.Indices.Zip(s.Values))
            {
                int distance = index / s.Tokens.Count - index % s.Tokens.Count;
                int bin = Array.FindLastIndex(s_distances, border => border <= distance);
                if (bin < bins.Length)
                    bins[bin] += value;
            }
        return bins;
    }

    static void WriteTokens(
        Utf8JsonWriter json, string name, HeadVisHead head, LensText text, Func<int, int, int> position)
    {
        var weights = new Dictionary<string, double>();
        foreach (HeadVisSequence s in head.Sequences)
            foreach ((int index, float value) in s.Indices.Zip(s.Values))
            {
                string token = text.Of(s.Tokens[position(index, s.Tokens.Count)]);
                weights[token] = weights.GetValueOrDefault(token) + value;
            }
        json.WriteStartArray(name);
        foreach ((string token, double weight) in weights.OrderByDescending(w => w.Value)
            .ThenBy(w => w.Key, StringComparer.Ordinal).Take(TopTokens))
        {
            json.WriteStartObject();
            json.WriteString("token", token);
            json.WriteNumber("weight", Math.Round(weight, 4));
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }
}
