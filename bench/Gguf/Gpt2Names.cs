using HeadTap.Models;

namespace HeadTap.Gguf;

/// <summary>What llama.cpp calls the tensors of a GPT-2.</summary>
static class Gpt2Names
{
    internal static string Of(ParameterSlice slice) => slice.Role switch
    {
        Role.TokenEmbedding => "token_embd.weight",
        Role.PositionEmbedding => "position_embd.weight",
        Role.FinalNormWeight => "output_norm.weight",
        Role.FinalNormBias => "output_norm.bias",
        Role.HeadWeight => "output.weight",
        var role => $"blk.{slice.Layer}." + role switch
        {
            Role.Norm1Weight => "attn_norm.weight",
            Role.Norm1Bias => "attn_norm.bias",
            Role.QkvWeight => "attn_qkv.weight",
            Role.QkvBias => "attn_qkv.bias",
            Role.ProjWeight => "attn_output.weight",
            Role.ProjBias => "attn_output.bias",
            Role.Norm2Weight => "ffn_norm.weight",
            Role.Norm2Bias => "ffn_norm.bias",
            Role.MlpInWeight => "ffn_up.weight",
            Role.MlpInBias => "ffn_up.bias",
            Role.MlpOutWeight => "ffn_down.weight",
            Role.MlpOutBias => "ffn_down.bias",
            _ => throw new NotSupportedException($"{slice.Name} has no name in llama.cpp's GPT-2"),
        },
    };
}
