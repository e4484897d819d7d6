using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace HeadTap.Models;

/// <summary>
/// What names a model: its weights, and the values of its config that change what is computed from them
/// while no shape of a weight shows it. Where all of these have their usual values the name is that of the
/// weights alone (docs/design/0014).
/// </summary>
static class ModelHash
{
    const int UsualHeadWidth = 64, LeastUsualHeads = 4;

    /// <summary>The name of a model whose weights have this one.</summary>
    internal static string Of(string weights, ModelConfig config) => Of(weights, Unusual(config));

    /// <summary>The name of a model with these weights and these unusual values, a line each.</summary>
    internal static string Of(string weights, string unusual) => unusual.Length == 0 ? weights
        : Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{weights}\n{unusual}")));

    /// <summary>The values of a config that differ from those of another, in words: "activation is
    /// relu here and as usual there".</summary>
    /// <param name="here">Unusual values of one, as <see cref="Unusual"/> returns them.</param>
    /// <param name="there">Those of the other.</param>
    internal static string Differences(string here, string there)
    {
        Dictionary<string, string> ours = Values(here), theirs = Values(there);
        return string.Join(", ", ours.Keys.Union(theirs.Keys)
            .Where(name => ours.GetValueOrDefault(name) != theirs.GetValueOrDefault(name))
            .Select(name => $"{name} is {ours.GetValueOrDefault(name, "as usual")} here and "
                + $"{theirs.GetValueOrDefault(name, "as usual")} there"));

        static Dictionary<string, string> Values(string lines) => lines
            .Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split('=', 2))
            .Where(pair => pair.Length == 2).DistinctBy(pair => pair[0])
            .ToDictionary(pair => pair[0], pair => pair[1], StringComparer.Ordinal);
    }

    /// <summary>The values that are not as usual, a line each; empty for GPT-2 as published.</summary>
    internal static string Unusual(ModelConfig config)
    {
        var lines = new StringBuilder();
        Add("activation", ModelConfig.ActivationName(config.Activation), "gelu_new");
        Add("heads", config.Heads, config.Width / UsualWidthOfHead(config.Width));
        Add("layer_norm_epsilon", config.LayerNormEpsilon, 1e-5f);
        Add("scale_attention", config.ScaleAttention, true);
        Add("scale_attention_by_layer", config.ScaleAttentionByLayer, false);
        return lines.ToString();

        void Add<T>(string name, T value, T usual)
        {
            if (!EqualityComparer<T>.Default.Equals(value, usual))
                lines.Append(CultureInfo.InvariantCulture, $"{name}={value}\n");
        }
    }

    // 64 in GPT-2; in narrower models the largest power of two that leaves four heads.
    static int UsualWidthOfHead(int width)
    {
        int head = UsualHeadWidth;
        while (head > 1 && head * LeastUsualHeads > width)
            head /= 2;
        return head;
    }
}
