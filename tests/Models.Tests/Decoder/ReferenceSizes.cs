using HeadTap.Reference;
using HeadTap.Runtime;

namespace HeadTap.Models.Tests;

/// <summary>The product's config and parameters as the textbook model takes them.</summary>
static class ReferenceSizes
{
    public static Gpt2Sizes Of(ModelConfig config) =>
        new(config.VocabSize, config.ContextLength, config.Width, config.Layers, config.Heads, config.Inner)
        {
            Activation = config.Activation switch
            {
                Activation.GeluTanh => "gelu_new",
                Activation.GeluExact => "gelu",
                _ => "relu",
            },
            Epsilon = config.LayerNormEpsilon,
            ScaleAttention = config.ScaleAttention,
            ScaleAttentionByLayer = config.ScaleAttentionByLayer,
            TiedHead = config.TiedHead,
            HeadBias = config.HeadBias,
            LearnedPositions = config.Architecture.Has(Role.PositionEmbedding),
            RotaryNumbers = config.RotaryNumbers,
            RotaryBase = config.RotaryBase,
            ParallelResidual = config.ParallelResidual,
        };

    /// <summary>The parameters as one vector in checkpoint order.</summary>
    public static float[] Flat(ModelConfig config, IReadOnlyDictionary<string, float[]> parameters)
    {
        var table = new ParameterLayout(config);
        float[] flat = new float[table.TotalLength];
        foreach (ParameterSlice slice in table.Slices)
            parameters[slice.Name].CopyTo(flat, slice.Offset);
        return flat;
    }
}
