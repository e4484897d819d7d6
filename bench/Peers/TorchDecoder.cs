using HeadTap.Models;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace HeadTap.Peers;

/// <summary>
/// GPT-2 in PyTorch over a key/value cache that is allocated once: a step writes its keys and values in place
/// and
/// attends to a view, without a mask.
/// </summary>
sealed class TorchDecoder : IDisposable
{
    readonly TorchGpt2 _weights;
    readonly ModelConfig _config;
    readonly Tensor[] _keys, _values;
    int _length;

    internal TorchDecoder(TorchGpt2 weights, ModelConfig config, int B, int capacity)
    {
        (_weights, _config) = (weights, config);
        Tensor[] Cache() => [.. Enumerable.Range(0, config.Layers)
            .Select(_ => zeros(B, config.Heads, capacity, config.HeadWidth))];
        (_keys, _values) = (Cache(), Cache());
    }

    /// <summary>Forgets what was run.</summary>
    internal void Clear() => _length = 0;

    /// <summary>Runs the next tokens of every row; a prompt first, then one at a time.</summary>
    /// <param name="ids">[B, T]</param>
    /// <returns>[B, V]: the last token's logits.</returns>
    internal Tensor Next(Tensor ids)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        long T = ids.shape[1];
        Tensor x = _weights["wte.weight"].index_select(0, ids.flatten()).reshape(ids.shape[0], T,
            _config.Width)
            + _weights["wpe.weight"].narrow(0, _length, T);
        for (int l = 0; l < _config.Layers; l++)
        {
            x = x + Attention(_weights.Norm(x, $"h.{l}.ln_1"), l);
            Tensor wide = _weights.Linear(_weights.Norm(x, $"h.{l}.ln_2"), $"h.{l}.mlp.c_fc");
            x = x + _weights.Linear(functional.gelu(wide, TorchSharp.Modules.GELU.Approximate.tanh),
                $"h.{l}.mlp.c_proj");
        }
        _length += (int)T;
        Tensor last = _weights.Norm(x.select(1, -1), "ln_f");
        return last.matmul(_weights["wte.weight"].t()).MoveToOuterDisposeScope();
    }

    Tensor Attention(Tensor x, int l)
    {
        (long B, long T, long H, long D) = (x.shape[0], x.shape[1], _config.Heads, _config.HeadWidth);
        Tensor[] qkv = [.. _weights.Linear(x, $"h.{l}.attn.c_attn").split(_config.Width, -1)
            .Select(t => t.reshape(B, T, H, D).transpose(1, 2))];
        _keys[l].narrow(2, _length, T).copy_(qkv[1]);
        _values[l].narrow(2, _length, T).copy_(qkv[2]);
        Tensor z = functional.scaled_dot_product_attention(qkv[0], _keys[l].narrow(2, 0, _length + T),
            _values[l].narrow(2, 0, _length + T), is_casual: T > 1);
        return _weights.Linear(z.transpose(1, 2).reshape(B, T, _config.Width), $"h.{l}.attn.c_proj");
    }

    public void Dispose()
    {
        foreach (Tensor t in _keys.Concat(_values))
            t.Dispose();
    }
}
