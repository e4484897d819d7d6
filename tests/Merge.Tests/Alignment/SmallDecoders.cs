using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Merge.Tests;

/// <summary>Decoders of random numbers in every parameter, and what they compute.</summary>
static class SmallDecoders
{
    internal static ModelConfig Tied { get; } = ModelConfig.Tiny;

    internal static ModelConfig Untied { get; } = ModelConfig.Tiny with { TiedHead = false, HeadBias = true };

    internal static ModelConfig UntiedWithoutBias { get; } = ModelConfig.Tiny with { TiedHead = false };

    internal static ModelConfig Relu { get; } = ModelConfig.Tiny with { Activation = Activation.Relu };

    internal static ModelConfig[] All { get; } = [Tied, Untied, UntiedWithoutBias, Relu];

    /// <summary>Biases, gains and shifts differ from the usual ones, so none can be forgotten.</summary>
    internal static DecoderWeights Random(ModelConfig config, ulong seed)
    {
        var random = new SeededRandom(seed);
        var layout = new ParameterLayout(config);
        float[] flat = new float[layout.TotalLength];
        foreach (ParameterSlice slice in layout.Slices)
        {
            Span<float> values = flat.AsSpan((int)slice.Offset, (int)slice.Length);
            random.FillNormal(values, slice.Shape.Length == 2 ? 0.3f : 0.2f);
            if (slice.Role.IsNormGain())
                foreach (ref float value in values)
                    value += 1;
        }
        return DecoderWeights.Of(config, flat);
    }

    /// <summary>The logits of two sequences, [2, 11, V], of the weights rounded to float32.</summary>
    internal static double[] Logits(DecoderWeights weights)
    {
        float[] flat = weights.ToFlat();
        float[] Of(ParameterSlice slice) => flat.AsSpan((int)slice.Offset, (int)slice.Length).ToArray();
        var decoder = new Float64Decoder(weights.Config, name => Of(weights.Layout[name]),
            weights.Config.HeadBias ? Of(weights.Layout[Role.HeadBias]) : null);
        return
        [
            .. decoder.Run([3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5]),
            .. decoder.Run([60, 0, 33, 21, 60, 12, 47, 8, 19, 2, 30]),
        ];
    }

    /// <summary>Texts that a model finds likely: each next token is its most probable one.</summary>
    internal static int[][] Spoken(DecoderWeights weights, int rows, int length)
    {
        float[] flat = weights.ToFlat();
        var decoder = new Float64Decoder(weights.Config, name => flat.AsSpan(
            (int)weights.Layout[name].Offset, (int)weights.Layout[name].Length).ToArray());
        return [.. Enumerable.Range(0, rows).Select(row =>
        {
            List<int> text = [row, (7 * row + 3) % weights.Config.VocabSize];
            while (text.Count < length)
            {
                double[] last = decoder.Run([.. text])[^weights.Config.VocabSize..];
                text.Add(Array.IndexOf(last, last.Max()));
            }
            return text.ToArray();
        })];
    }

    internal static double Furthest(double[] a, double[] b) => a.Zip(b, (x, y) => Math.Abs(x - y)).Max();

    internal static double Furthest(DecoderWeights a, DecoderWeights b) => a.Layout.Slices.Max(s =>
        Furthest(a[s.Role, s.Layer], b[s.Role, s.Layer]));
}
