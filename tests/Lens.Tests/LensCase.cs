using HeadTap.Kernels.Tests;
using HeadTap.Models;
using HeadTap.Models.Tests;
using HeadTap.Reference;
using HeadTap.Runtime;

namespace HeadTap.Lens.Tests;

/// <summary>The lens of the last layer of a small model at random positions, beside the oracle's view of the
/// same numbers. No two of positions, heads, widths and tokens are equal.</summary>
sealed class LensCase : IDisposable
{
    const int Layer = 1;

    readonly TestModel _model;
    readonly LensSet _lens;
    readonly TensorArena _arena;
    readonly LensInputs _inputs;
    readonly Tensor _target;

    /// <param name="device">A name of <see cref="TestDevice"/>.</param>
    /// <param name="options">Which lens.</param>
    /// <param name="positions">n.</param>
    /// <param name="moved">How far parameters are from their first values, as a deviation.</param>
    /// <param name="config">The model's; small unless told.</param>
    public LensCase(string device, LensOptions options, int positions, float moved = 0.3f,
        ModelConfig? config = null)
    {
        _model = new TestModel(device, config);
        _lens = LensSet.Initial(_model.Model, options, [Layer], positions);
        _arena = new TensorArena(_model.Model.Device, 1 << 17, "a lens under test");
        (int n, int C, int V) = (positions, Config.Width, Config.VocabSize);
        int seed = 20;
        foreach (LensParameter p in Lens.Parameters)
            p.Value.Upload([.. p.Value.ToArray()
                .Zip(Numbers.Normal(seed++, (int)p.Value.Length, 0, moved), (a, b) => a + b)]);
        Target = Numbers.Normal(10, n * V, 3, 2);
        Oracle = new LensReference(Name(options.Kind), Config.Heads, Config.LayerNormEpsilon);
        Sight = new LensSight<float>(Numbers.Normal(11, n * C), Numbers.Normal(12, n * C, 1), [],
            Weight($"h.{Layer}.attn.c_proj.weight"), Weight($"h.{Layer}.attn.c_proj.bias"),
            Weight("ln_f.weight"), Weight("ln_f.bias"),
            Weight(Config.TiedHead ? "wte.weight" : "lm_head.weight"),
            Config.HeadBias ? Weight("lm_head.bias") : new float[V]);
        Sight = Sight with { After = Array.ConvertAll(Oracle.StreamAfter(ExactSight), v => (float)v) };
        _inputs = new LensInputs(_arena.Upload("z", Sight.Z, n, C),
            _arena.Upload("before", Sight.Before, n, C), _arena.Upload("after", Sight.After, n, C));
        _target = _arena.Upload("target", Target, n, V);
        Plain = Lens.Parameters.ToDictionary(p => p.Name, p => p.Value.ToArray());
        if (options.Kind == LensKind.Logit)
            Plain = new() { ["weight"] = Lens.Map.Weight.ToArray(), ["bias"] = Lens.Map.Bias!.ToArray() };
    }

    public ModelConfig Config => _model.Model.Config;

    public Ops Ops => _model.Model.Ops;

    public LayerLens Lens => _lens[Layer];

    /// <summary>What the lens looks at.</summary>
    public LensInputs Inputs => _inputs;

    /// <summary>Its learned tensors.</summary>
    public Dictionary<string, float[]> Plain { get; }

    public Dictionary<string, double[]> Exact => Wide(Plain);

    public LensSight<float> Sight { get; }

    public LensSight<double> ExactSight => new(Numbers.Wide(Sight.Z), Numbers.Wide(Sight.Before),
        Numbers.Wide(Sight.After), Numbers.Wide(Sight.Projection), Numbers.Wide(Sight.ProjectionBias),
        Numbers.Wide(Sight.Gain), Numbers.Wide(Sight.Shift), Numbers.Wide(Sight.Unembedding),
        Numbers.Wide(Sight.UnembeddingBias));

    /// <summary>[n, V] logits of what is to be matched.</summary>
    public float[] Target { get; }

    public LensReference Oracle { get; }

    static string Name(LensKind kind)
        => kind == LensKind.LowRank ? "low-rank" : kind.ToString().ToLowerInvariant();

    public Tensor Cut(string name, params ReadOnlySpan<int> shape) => _arena.Cut(name, shape);

    /// <summary>[n, V]: the sum over heads.</summary>
    /// <param name="prepared">Positions that the lens is told of; n unless told.</param>
    public float[] Logits(int prepared = 0)
    {
        Tensor x = Features(prepared); // prepares, which may choose another map
        return Logits(Lens.Map, x);
    }

    /// <summary>[n, V]: one head alone.</summary>
    public float[] HeadLogits(int head)
    {
        Tensor x = _arena.Cut("features of a head", _inputs.Count, Lens.HeadFeatureWidth);
        Tensor bias = _arena.Cut("share of the bias", Config.VocabSize);
        Lens.HeadFeatures(_inputs, Features(0), head, x);
        return Logits(Lens.HeadMap(head, Lens.HeadBias(bias) ? bias : null), x);
    }

    /// <summary>Losses, and gradients of the learned tensors as a training step makes them, chunk by chunk of
    /// the vocabulary.</summary>
    public (float[] Losses, Dictionary<string, float[]> Gradients) Step(int chunk, float scale)
    {
        int n = _inputs.Count, V = Config.VocabSize;
        Tensor x = Features(0), losses = _arena.Cut("losses", n), dX = _arena.Cut("dX", n, x.Columns);
        Tensor part = _arena.Cut("dX of a chunk", n, x.Columns);
        (Tensor Weight, Tensor Bias)? vocabulary = Lens.Vocabulary is { } v
            ? (_arena.Cut("dW", V, (int)(v.Weight.Length / V)), _arena.Cut("db", V)) : null;
        vocabulary?.Weight.Upload(Numbers.Ones((int)vocabulary.Value.Weight.Length)); // written, not added to
        foreach ((_, Tensor gradient) in Lens.Inner)
            Ops.Fill(gradient, 0f);
        void Gradient(int first, Tensor dLogits)
        {
            Ops.MatMul(dLogits, Lens.Map.Weight.SliceRows(first, dLogits.Columns), null, part);
            Ops.AddInto(part, dX);
            if (vocabulary is not { } d)
                return;
            Ops.BiasGradient(dLogits, d.Bias.Slice("db", first, dLogits.Columns));
            Lens.WeightGradient(x, dLogits, d.Weight.SliceRows(first, dLogits.Columns));
        }
        new VocabularyKl(Ops, _arena, n, chunk, vocabulary: V).Run(
            new TargetLogits.Held(_target), [new KlTerm(x, Lens.Map, losses, Gradient)], scale);
        Lens.FeaturesBackward(_inputs, dX);
        var gradients = Lens.Inner.ToDictionary(i => i.Parameter.Name, i => i.Gradient.ToArray());
        if (vocabulary is { } made)
            (gradients["weight"], gradients["bias"]) = (made.Weight.ToArray(), made.Bias.ToArray());
        return (losses.ToArray(), gradients);
    }

    public void Dispose()
    {
        _arena.Dispose();
        _lens.Dispose();
        _model.Dispose();
    }

    static Dictionary<string, double[]> Wide(Dictionary<string, float[]> values)
        => values.ToDictionary(v => v.Key, v => Numbers.Wide(v.Value));

    Tensor Features(int prepared)
    {
        Lens.Prepare(prepared > 0 ? prepared : _inputs.Count);
        Tensor x = _arena.Cut("features", _inputs.Count, Lens.FeatureWidth);
        Lens.Features(_inputs, x);
        return x;
    }

    float[] Logits(VocabularyMap map, Tensor x)
    {
        Tensor logits = _arena.Cut("logits", x.Rows, Config.VocabSize);
        map.Logits(Ops, x, 0, logits);
        return logits.ToArray();
    }

    float[] Weight(string name) => _model.Plain[name];
}
