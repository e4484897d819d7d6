using System.Numerics;
using HeadTap.Models;
using HeadTap.Models.Tests;
using HeadTap.Reference;
using HeadTap.Runtime;

namespace HeadTap.Unlearn.Tests;

/// <summary>A small random model, rows to forget and to keep, and what a method must leave alone.</summary>
sealed class MethodCase : IDisposable
{
    /// <summary>No size divides another, but for width and heads; ReLU as TinyMem's.</summary>
    public static readonly ModelConfig Relu = TestModel.Small with { Activation = Activation.Relu };

    readonly TestModel _model;

    /// <param name="config">The model's sizes; <see cref="Relu"/> unless told.</param>
    /// <param name="device">A name of the test devices.</param>
    public MethodCase(ModelConfig? config = null, string device = "cpu512")
        => _model = new TestModel(device, config ?? Relu);

    public LanguageModel Model => _model.Model;

    public Gpt2Sizes Sizes => _model.Sizes;

    public Dictionary<string, double[]> Exact => _model.Exact;

    /// <summary>Rows of unequal length.</summary>
    public UnlearnTask Task => new()
    {
        Model = Model,
        Forget = [_model.Tokens(1, 9), _model.Tokens(2, 12), _model.Tokens(3, 7)],
        Keep = [_model.Tokens(4, 11), _model.Tokens(5, 8), _model.Tokens(6, 10), _model.Tokens(7, 6)],
        Clean = [_model.Tokens(8, 9), _model.Tokens(9, 12)],
        Prompt = 4, Continuation = 3, Seed = 11,
    };

    /// <summary>The indices of the rows to forget.</summary>
    public int[] AllRows => [0, 1, 2];

    /// <summary>A trainer of all parameters, for passes over the rows to forget.</summary>
    public RowTrainer Trainer() => new(Model, new AdamWOptions(), 3, 12, 1);

    /// <summary>All weights, by name.</summary>
    public Dictionary<string, float[]> Weights()
        => Model.Parameters.Slices.ToDictionary(s => s.Name, s => Model.Set[s.Name].ToArray());

    /// <summary>Names of the parameters of which any bit differs.</summary>
    public string[] Changed(Dictionary<string, float[]> before) => [.. Weights()
        .Where(w => !w.Value.Select(BitConverter.SingleToInt32Bits)
            .SequenceEqual(before[w.Key].Select(BitConverter.SingleToInt32Bits)))
        .Select(w => w.Key)];

    /// <summary>Writes weights back.</summary>
    public void Restore(Dictionary<string, float[]> weights)
    {
        foreach ((string name, float[] values) in weights)
            Model.Set[name].Upload(values);
    }

    /// <summary>The oracle's mean loss over all positions of rows, float64.</summary>
    /// <param name="parameters">Weights; the case's unless told.</param>
    /// <param name="hook">As the reference's.</param>
    public double Loss(IReadOnlyList<int[]> rows, IReadOnlyDictionary<string, double[]>? parameters = null,
        Func<string, double[], double[]>? hook = null)
        => Mean(rows, parameters ?? Exact, hook);

    /// <summary>The same in any precision.</summary>
    public TReal Mean<TReal>(IReadOnlyList<int[]> rows, IReadOnlyDictionary<string, TReal[]> parameters,
        Func<string, TReal[], TReal[]>? hook = null)
        where TReal : IFloatingPointIeee754<TReal>
        => rows.Aggregate(TReal.Zero, (sum, r) => sum + RowSum(r, parameters, hook))
            / TReal.CreateChecked(rows.Sum(r => r.Length - 1));

    /// <summary>Sum of one row's losses.</summary>
    public TReal RowSum<TReal>(int[] row, IReadOnlyDictionary<string, TReal[]> parameters,
        Func<string, TReal[], TReal[]>? hook = null)
        where TReal : IFloatingPointIeee754<TReal>
        => TReal.CreateChecked(row.Length - 1) * Gpt2Reference.CrossEntropy(
            Gpt2Reference.Forward(Sizes, parameters, row, hook)["logits"],
            Gpt2Reference.NextTokens(row)).Loss;

    /// <summary>Moves all weights a little, so that a model is not what it was.</summary>
    /// <returns>What they are now, float64.</returns>
    public Dictionary<string, double[]> Perturb(ulong seed)
    {
        var random = new SeededRandom(seed);
        foreach ((string name, float[] values) in Weights())
            Model.Set[name].Upload(Array.ConvertAll(values, v => v + 0.02f * (float)random.NextNormal()));
        return Weights().ToDictionary(w => w.Key, w => Array.ConvertAll(w.Value, v => (double)v));
    }

    /// <summary>Holds gradients against central differences of a loss in float64, a few elements a
    /// parameter.</summary>
    public static void Differences(ParameterGradients gradients, Dictionary<string, double[]> at,
        Func<Dictionary<string, double[]>, double> loss)
    {
        const double h = 1e-5;
        foreach (ParameterSlice slice in gradients.Set.Included)
        {
            float[] found = gradients.Set[slice.Name].ToArray();
            double largest = found.Max(g => Math.Abs((double)g));
            for (int i = (int)(slice.Length / 5); i < slice.Length; i += (int)(slice.Length / 3) + 1)
            {
                double was = at[slice.Name][i];
                at[slice.Name][i] = was + h;
                double up = loss(at);
                at[slice.Name][i] = was - h;
                double down = loss(at);
                at[slice.Name][i] = was;
                // float32 through two blocks, and the differences' own error of h squared
                Assert.That(found[i], Is.EqualTo((up - down) / (2 * h)).Within(1e-6 + 1e-4 * largest),
                    $"{slice.Name}[{i}]");
            }
        }
    }

    public void Dispose() => _model.Dispose();
}
