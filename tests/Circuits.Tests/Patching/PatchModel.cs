using System.Numerics;
using HeadTap.Models;
using HeadTap.Reference;
using HeadTap.Runtime;

namespace HeadTap.Circuits.Tests;

/// <summary>A small random model and its textbook.</summary>
static class PatchModel
{
    /// <summary>No size is another's, and none is a power of two.</summary>
    internal static readonly ModelConfig Config = new()
    {
        VocabSize = 37, ContextLength = 24, Width = 20, Layers = 3, Heads = 4, Inner = 28, TiedHead = false,
    };

    internal static readonly int[] Clean = [3, 14, 15, 9, 26, 5], Corrupt = [3, 7, 15, 31, 26, 1];

    internal static readonly ContrastPair Pair = new(Clean, Corrupt, 11, 23);

    /// <summary>Weights with biases and gains that are not those of a fresh model.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="config">Its sizes; null for <see cref="Config"/>.</param>
    /// <param name="strength">Factor of the matrices: as drawn, a block hardly moves a logit.</param>
    internal static LanguageModel Open(ComputeDevice device, ModelConfig? config = null, float strength = 6)
    {
        var model = new LanguageModel(device, config ?? Config);
        model.Initialize(3);
        var random = new SeededRandom(5);
        foreach (ParameterSlice slice in model.Parameters.Slices)
        {
            float[] values = model.Set[slice.Name].ToArray();
            if (slice.Shape.Length == 1)
            {
                bool gain = slice.Name.EndsWith(".weight", StringComparison.Ordinal);
                random.FillNormal(values, 0.4f);
                values = Array.ConvertAll(values, v => gain ? 1 + v : v);
            }
            else
                values = Array.ConvertAll(values, v => strength * v);
            model.Set[slice.Name].Upload(values);
        }
        return model;
    }

    /// <summary>Every site of a prompt by the textbook; the hook may change what flows on.</summary>
    internal static Dictionary<string, TReal[]> Sites<TReal>(
        LanguageModel model, int[] prompt, Func<string, TReal[], TReal[]>? hook = null)
        where TReal : IFloatingPointIeee754<TReal>
    {
        ModelConfig c = model.Config;
        var sizes = new Gpt2Sizes(c.VocabSize, c.ContextLength, c.Width, c.Layers, c.Heads, c.Inner)
        {
            TiedHead = c.TiedHead,
        };
        return Gpt2Reference.Forward(sizes, model.Parameters.Slices.ToDictionary(s => s.Name,
            s => Array.ConvertAll(model.Set[s.Name].ToArray(), TReal.CreateChecked)), prompt, hook);
    }

    /// <summary>The logits of the last token of a run of the textbook.</summary>
    internal static TReal[] Last<TReal>(LanguageModel model, Dictionary<string, TReal[]> sites)
        => sites["logits"][^model.Config.VocabSize..];

    /// <summary>The metrics by their definitions, in float64.</summary>
    internal static double Measure<TReal>(MetricKind kind, ContrastPair pair, TReal[] logits, TReal[] clean)
        where TReal : IFloatingPointIeee754<TReal>
    {
        double[] z = Array.ConvertAll(logits, double.CreateChecked), c = Array.ConvertAll(clean,
            double.CreateChecked);
        double[] p = Softmax(z), q = Softmax(c);
        return kind switch
        {
            MetricKind.LogitDifference => z[pair.Answer] - z[pair.Wrong!.Value],
            MetricKind.LogProbability => Math.Log(p[pair.Answer]),
            MetricKind.Divergence => q.Zip(p, (a, b) => a * Math.Log(a / b)).Sum(),
            _ => 1 + z.Count(v => v > z[pair.Answer]),
        };
    }

    /// <summary>The largest error of any logit of any run.</summary>
    internal static double LargestError(double[][] exact, double[][] plain)
        => exact.Zip(plain).Max(run => run.First.Zip(run.Second, (e, p) => Math.Abs(e - p)).Max());

    static double[] Softmax(double[] z)
    {
        double max = z.Max(), sum = z.Sum(v => Math.Exp(v - max));
        return Array.ConvertAll(z, v => Math.Exp(v - max) / sum);
    }
}
