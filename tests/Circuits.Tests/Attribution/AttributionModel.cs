using HeadTap.Kernels.Tests;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Circuits.Tests;

/// <summary>A small model whose every parameter is random, and a pair of prompts for it.</summary>
static class AttributionModel
{
    internal static ModelConfig Config { get; } = new()
    {
        VocabSize = 17, ContextLength = 7, Width = 12, Layers = 2, Heads = 3, Inner = 20,
    };

    internal static ContrastPair Pair { get; } = new([3, 11, 0, 16, 5], [3, 2, 0, 7, 5], 9, 13);

    /// <summary>Large weights, so that no part of the model is nearly linear.</summary>
    internal static LanguageModel Make(ComputeDevice device, ModelConfig? config = null)
    {
        var model = new LanguageModel(device, config ?? Config);
        foreach (ParameterSlice slice in model.Parameters.Slices)
            model.Set[slice.Name].Upload(Numbers.Normal((int)slice.Offset + 1, (int)slice.Length,
                slice.Role.IsNormGain() ? 1f : 0f, slice.Shape.Length == 2 ? 0.4f : 0.2f));
        return model;
    }
}
