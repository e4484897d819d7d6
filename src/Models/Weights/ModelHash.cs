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

    /// <summary>The values of a config that differ from those of another of the same shapes, by the names of
    /// config.json: "n_head is 6 here and 2 there".</summary>
    /// <param name="here">One config.</param>
    /// <param name="there">The unusual values of the other, as <see cref="Unusual"/> returns them.</param>
    internal static string Differences(ModelConfig here, string there)
    {
        Dictionary<string, string> theirs = there
            .Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split('=', 2))
            .Where(pair => pair.Length == 2).DistinctBy(pair => pair[0])
            .ToDictionary(pair => pair[0], pair => pair[1], StringComparer.Ordinal);
        return string.Join(", ", Values(here)
            .Select(v => (v.Key, v.Here, There: theirs.GetValueOrDefault(v.Name, v.Usual)))
            .Where(v => v.Here != v.There)
            .Select(v => $"{v.Key} is {Json(v.Here)} here and {Json(v.There)} there"));

        // True and 1E-05 as config.json has them.
        static string Json(string value) => value.ToLowerInvariant();
    }

    /// <summary>The values that are not as usual, a line each; empty for GPT-2 as published.</summary>
    internal static string Unusual(ModelConfig config) => string.Concat(Values(config)
        .Where(value => value.Here != value.Usual).Select(value => $"{value.Name}={value.Here}\n"));

    // Name in the hash, which stays, key in config.json, the config's value, and the usual one.
    static (string Name, string Key, string Here, string Usual)[] Values(ModelConfig config)
    {
        ConfigKeys keys = config.Architecture.Config;
        return
        [
            Of("activation", keys.Activation, ModelConfig.ActivationName(config.Activation), "gelu_new"),
            Of("heads", keys.Heads, config.Heads, config.Width / UsualWidthOfHead(config.Width)),
            Of("layer_norm_epsilon", keys.LayerNormEpsilon, config.LayerNormEpsilon, 1e-5f),
            Of("scale_attention", keys.ScaleAttention, config.ScaleAttention, true),
            Of("scale_attention_by_layer", keys.ScaleAttentionByLayer, config.ScaleAttentionByLayer, false),
        ];

        static (string, string, string, string) Of<T>(string name, string? key, T here, T usual)
            => (name, key ?? name, Text(here), Text(usual));

        static string Text<T>(T value) => string.Create(CultureInfo.InvariantCulture, $"{value}");
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
