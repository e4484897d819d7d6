using HeadTap.Models;
using HeadTap.Runtime;
using TorchSharp.Modules;
using static TorchSharp.torch;
using Tensor = TorchSharp.torch.Tensor;
using F = TorchSharp.torch.nn.functional;

namespace HeadTap.Peers;

/// <summary>
/// GPT-2 as a PyTorch user writes it, over the weights of a HeadTap model: with PyTorch's fused attention, or
/// with scores, mask, softmax and mix one after the other.
/// </summary>
sealed class TorchGpt2
{
    readonly ModelConfig _config;
    readonly bool _stepByStep;
    readonly Dictionary<string, Tensor> _p = [];

    public TorchGpt2(LanguageModel model, bool stepByStep = false)
    {
        (_config, _stepByStep) = (model.Config, stepByStep);
        foreach (ParameterSlice slice in model.Parameters.Slices)
            _p[slice.Name] = new Parameter(tensor(model.Set[slice.Name].ToArray()).reshape(
                [.. slice.Shape.Select(n => (long)n)]), true);
    }

    public IEnumerable<Parameter> Parameters => _p.Values.OfType<Parameter>();

    /// <summary>A parameter by its name in a checkpoint.</summary>
    public Tensor this[string name] => _p[name];

    /// <summary>Another tensor in place of a parameter, until it is put back.</summary>
    public void Replace(string name, Tensor value) => _p[name] = value;

    /// <summary>How each head's result is captured, if at all; <c>Values</c> is z alone.</summary>
    public enum Heads { None, Einsum, ExtraProduct, Values }

    /// <summary>
    /// Logits [B, T, V], or the final hidden state; head results, [B, T, H, C] a layer, or z, [B T, C], into
    /// a list.
    /// </summary>
    public Tensor Forward(Tensor ids, bool logits, Heads heads = Heads.None, List<Tensor>? results = null)
    {
        Tensor x = Norm(Streams(ids, heads, results, null), "ln_f");
        return logits ? x.matmul(_p["wte.weight"].t()) : x;
    }

    /// <summary>
    /// The stream after the last block, [B, T, C], and the stream after the attention of every block into a
    /// list.
    /// </summary>
    public Tensor LastStream(Tensor ids, List<Tensor> afterAttention)
        => Streams(ids, Heads.None, null, afterAttention);

    Tensor Streams(Tensor ids, Heads heads, List<Tensor>? results, List<Tensor>? afterAttention)
    {
        long T = ids.shape[1];
        Tensor x = _p["wte.weight"].index_select(0, ids.flatten()).reshape(ids.shape[0], T, _config.Width)
            + _p["wpe.weight"].narrow(0, 0, T);
        for (int l = 0; l < _config.Layers; l++)
        {
            x = x + Attention(Norm(x, $"h.{l}.ln_1"), l, heads, results);
            afterAttention?.Add(x);
            Tensor wide = Linear(Norm(x, $"h.{l}.ln_2"), $"h.{l}.mlp.c_fc");
            Tensor hidden = _config.Activation == Activation.Relu ? F.relu(wide)
                : F.gelu(wide, TorchSharp.Modules.GELU.Approximate.tanh);
            x = x + Linear(hidden, $"h.{l}.mlp.c_proj");
        }
        return x;
    }

    Tensor Attention(Tensor x, int l, Heads heads, List<Tensor>? results)
    {
        (long B, long T, long H, long D) = (x.shape[0], x.shape[1], _config.Heads, _config.HeadWidth);
        Tensor[] qkv = Linear(x, $"h.{l}.attn.c_attn").split(_config.Width, -1);
        Tensor[] byHead = [.. qkv.Select(t => t.reshape(B, T, H, D).transpose(1, 2))];
        Tensor z = (_stepByStep ? Attend(byHead[0], byHead[1], byHead[2])
            : F.scaled_dot_product_attention(byHead[0], byHead[1], byHead[2], is_casual: true))
            .transpose(1, 2);
        Tensor w = _p[$"h.{l}.attn.c_proj.weight"], b = _p[$"h.{l}.attn.c_proj.bias"];
        if (heads is Heads.None or Heads.Values)
        {
            Tensor values = z.reshape(B * T, _config.Width);
            results?.Add(values);
            return addmm(b, values, w, 1, 1).reshape(B, T, _config.Width);
        }
        Tensor perHead = w.reshape(H, D, _config.Width);
        if (heads == Heads.Einsum) // the TransformerLens way: results, then their sum
        {
            Tensor result = einsum("bthd,hdc->bthc", z, perHead);
            results!.Add(result);
            return result.sum(2) + b;
        }
        results!.Add(matmul(z.reshape(B * T, H, D).transpose(0, 1), perHead).transpose(0, 1).contiguous());
        return addmm(b, z.reshape(B * T, _config.Width), w, 1, 1).reshape(B, T, _config.Width);
    }

    static Tensor Attend(Tensor q, Tensor k, Tensor v)
    {
        long T = q.shape[2];
        Tensor scores = q.matmul(k.transpose(-1, -2)) / Math.Sqrt(q.shape[3]);
        Tensor causal = ones(T, T, dtype: ScalarType.Bool).tril();
        return scores.masked_fill(causal.logical_not(), float.MinValue).softmax(-1).matmul(v);
    }

    internal Tensor Norm(Tensor x, string name)
        => F.layer_norm(x, [_config.Width], _p[$"{name}.weight"], _p[$"{name}.bias"],
            _config.LayerNormEpsilon);

    internal Tensor Linear(Tensor x, string name)
    {
        Tensor w = _p[$"{name}.weight"];
        return addmm(_p[$"{name}.bias"], x.reshape(-1, x.shape[^1]), w, 1, 1).reshape(x.shape[0],
            x.shape[1], w.shape[1]);
    }
}
