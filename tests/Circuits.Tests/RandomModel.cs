using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Circuits.Tests;

/// <summary>A small model whose weights, biases and gains are all random.</summary>
static class RandomModel
{
    internal static ModelConfig Config { get; } = new()
    {
        VocabSize = 37, ContextLength = 12, Width = 20, Layers = 2, Heads = 4, Inner = 28,
    };

    /// <summary>The parity that the project asks of logits (docs/numerics.md).</summary>
    internal const double Parity = 2e-5;

    internal static LanguageModel On(ComputeDevice device, ulong seed = 3)
    {
        var model = new LanguageModel(device, Config);
        var random = new SeededRandom(seed);
        foreach (ParameterSlice slice in model.Parameters.Slices)
        {
            float[] values = new float[slice.Length];
            random.FillNormal(values, 0.3f);
            if (slice.Role.IsNormGain())
                for (int i = 0; i < values.Length; i++)
                    values[i] += 1;
            model.Set[slice.Name].Upload(values);
        }
        return model;
    }
}
