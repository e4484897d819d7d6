using HeadTap.Models;
using HeadTap.Runtime;
using TorchSharp.Modules;
using static TorchSharp.torch;
using Tensor = TorchSharp.torch.Tensor;
using F = TorchSharp.torch.nn.functional;

namespace HeadTap.Peers;

/// <summary>
/// TinyMem's training step and BalancedSubnet's in PyTorch. Plain: attention step by step and masks from
/// sorted scores, as the papers' formulas say. Otherwise with fused attention and a partial order of scores.
/// </summary>
sealed class TorchUnlearn
{
    readonly TorchGpt2 _model;
    readonly Dictionary<string, (Tensor Weight, Parameter Scores)> _scores = [];
    readonly optim.Optimizer _optimizer;
    readonly double _ratio;
    readonly bool _plain;

    /// <summary>All weights are trained by AdamW.</summary>
    public TorchUnlearn(LanguageModel model, AdamWOptions o, bool plain)
    {
        _model = new TorchGpt2(model, stepByStep: plain);
        _optimizer = optim.AdamW(
            _model.Parameters, o.LearningRate, o.Beta1, o.Beta2, o.Epsilon, o.WeightDecay);
    }

    /// <summary>Scores of the MLP matrices are trained by SGD; every weight is frozen.</summary>
    public TorchUnlearn(
        LanguageModel model, IReadOnlyDictionary<string, float[]> scores, SgdStep o, double ratio, bool plain)
    {
        _model = new TorchGpt2(model, stepByStep: plain);
        (_ratio, _plain) = (ratio, plain);
        foreach (Tensor p in _model.Parameters)
            p.requires_grad_(false);
        foreach ((string name, float[] s) in scores)
        {
            Tensor w = _model[name];
            _scores[name] = (w, new Parameter(tensor(s).reshape(w.shape), true));
        }
        _optimizer = optim.SGD(_scores.Values.Select(s => s.Scores), o.LearningRate, o.Momentum,
            weight_decay: o.WeightDecay);
    }

    /// <summary>A step down the sum of weights [B, T-1] times the losses, which it returns.</summary>
    public double Step(Tensor ids, Tensor weights)
    {
        using var scope = NewDisposeScope();
        // The straight-through gradient by hand is cheaper than through autograd: a masked leaf a matrix.
        var masked = new Dictionary<string, Tensor>();
        using (no_grad())
            foreach ((string name, (Tensor w, Parameter s)) in _scores)
            {
                Tensor mask = ones_like(s).flatten(), magnitudes = s.abs().flatten();
                int count = (int)(_ratio * s.NumberOfElements);
                mask.index_fill_(0, _plain ? magnitudes.sort().Indices.narrow(0, 0, count)
                    : magnitudes.topk(count, -1, false, false).indexes, 0);
                masked[name] = (w * mask.reshape(w.shape)).requires_grad_(true);
                _model.Replace(name, masked[name]);
            }
        _optimizer.zero_grad();
        Tensor logits = _model.Forward(ids, true);
        long V = logits.shape[2], T = ids.shape[1];
        Tensor losses = F.cross_entropy(logits.narrow(1, 0, T - 1).reshape(-1, V),
            ids.narrow(1, 1, T - 1).reshape(-1), reduction: TorchSharp.torch.nn.Reduction.None);
        Tensor loss = (losses * weights).sum();
        loss.backward();
        using (no_grad())
            foreach ((string name, (Tensor w, Parameter s)) in _scores)
            {
                s.grad = masked[name].grad! * w * s.sign();
                _model.Replace(name, w);
            }
        _optimizer.step();
        return loss.item<float>();
    }
}
