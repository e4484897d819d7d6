using System.Numerics;
using HeadTap.Models;
using HeadTap.Reference;
using HeadTap.Runtime;

namespace HeadTap.Inject.Tests;

/// <summary>A small model run by the textbook: its sites in any number type.</summary>
static class ReferenceRun
{
    internal static readonly ModelConfig Config = new()
    {
        VocabSize = 37, ContextLength = 12, Width = 20, Layers = 2, Heads = 4, Inner = 28,
        BosToken = 36, EosToken = 36,
    };

    /// <summary>Random weights with biases and gains that are not those of a fresh model.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="strength">
    /// Factor of the blocks' matrices: as they are drawn, what a block writes hardly moves a probability.
    /// </param>
    internal static LanguageModel Model(ComputeDevice device, float strength = 1f)
    {
        var model = new LanguageModel(device, Config);
        model.Initialize(3);
        var random = new SeededRandom(5);
        foreach (ParameterSlice slice in model.Parameters.Slices.Where(s => s.Shape.Length == 1))
        {
            float[] values = new float[slice.Length];
            random.FillNormal(values, 0.4f);
            model.Set[slice.Name].Upload(slice.Name.EndsWith(".weight", StringComparison.Ordinal)
                ? Array.ConvertAll(values, v => 1 + v) : values);
        }
        foreach (ParameterSlice slice in model.Parameters.Slices.Where(s => s.Shape.Length == 2))
            model.Set[slice.Name].Upload(
                Array.ConvertAll(model.Set[slice.Name].ToArray(), v => strength * v));
        return model;
    }

    internal static Dictionary<string, TReal[]> Sites<TReal>(
        LanguageModel model, int[] prompt, Func<string, TReal[], TReal[]>? hook = null)
        where TReal : IFloatingPointIeee754<TReal>
    {
        ModelConfig c = model.Config;
        var sizes = new Gpt2Sizes(c.VocabSize, c.ContextLength, c.Width, c.Layers, c.Heads, c.Inner)
        {
            TiedHead = c.TiedHead, HeadBias = c.HeadBias,
        };
        return Gpt2Reference.Forward(sizes,
            model.Parameters.Slices.ToDictionary(s => s.Name, s => Values<TReal>(model, s.Name)), prompt,
            hook);
    }

    internal static TReal[] Values<TReal>(LanguageModel model, string parameter)
        where TReal : IFloatingPointIeee754<TReal>
        => Array.ConvertAll(model.Set[parameter].ToArray(), TReal.CreateChecked);

    /// <summary>[V]: x W_U + b_U by the textbook.</summary>
    internal static TReal[] Unembed<TReal>(LanguageModel model, ReadOnlySpan<TReal> x)
        where TReal : IFloatingPointIeee754<TReal>
    {
        int C = model.Config.Width, V = model.Config.VocabSize;
        TReal[] head = Values<TReal>(model, model.Config.TiedHead ? "wte.weight" : "lm_head.weight");
        TReal[] logits = model.Config.HeadBias ? Values<TReal>(model, "lm_head.bias") : new TReal[V];
        for (int v = 0; v < V; v++)
            for (int c = 0; c < C; c++)
                logits[v] += x[c] * head[v * C + c];
        return logits;
    }
}
