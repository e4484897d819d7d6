using HeadTap.Reference;
using HeadTap.Runtime;
using HeadTap.Runtime.Tests;

namespace HeadTap.Unlearn.Tests;

/// <summary>A small random model, rows to forget and to keep, and what a method must leave alone.</summary>
sealed class MethodCase : IDisposable
{
    /// <summary>No size divides another, but for width and heads; ReLU as TinyMem's.</summary>
    public static readonly Gpt2Config Relu = TestModel.Small with { Activation = Activation.Relu };

    readonly TestModel _model;

    /// <param name="config">The model's sizes; <see cref="Relu"/> unless told.</param>
    /// <param name="device">A name of the test devices.</param>
    public MethodCase(Gpt2Config? config = null, string device = "cpu512")
        => _model = new TestModel(device, config ?? Relu);

    public Gpt2Model Model => _model.Model;

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
    public double Loss(IReadOnlyList<int[]> rows, IReadOnlyDictionary<string, double[]>? parameters = null,
        Func<string, double[], double[]>? hook = null)
        => rows.Sum(r => (r.Length - 1) * Gpt2Reference.CrossEntropy(
                Gpt2Reference.Forward(Sizes, parameters ?? Exact, r, hook)["logits"],
                Gpt2Reference.NextTokens(r)).Loss)
            / rows.Sum(r => r.Length - 1);

    public void Dispose() => _model.Dispose();
}
