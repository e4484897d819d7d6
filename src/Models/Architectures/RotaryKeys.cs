using System.Text.Json.Nodes;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// Rotary embeddings in config.json: keys of their own, which transformers wrote up to version 4, or the
/// object
/// <c>rope_parameters</c> of version 5. The older keys hold where both are there, as in transformers.
/// </summary>
/// <param name="Share">Which share of a head's numbers turns.</param>
/// <param name="Base">The base of the frequencies.</param>
sealed record RotaryKeys(float Share, float Base)
{
    internal const float UsualBase = 10_000;

    // Scaled frequencies are another function of the position.
    const string Plain = "default";

    internal static RotaryKeys Read(JsonFields json, ConfigKeys k)
    {
        JsonFields? parameters = json.Nested("rope_parameters"), scaling = json.Nested("rope_scaling");
        foreach ((string name, JsonFields? group) in ((string, JsonFields?)[])
            [("rope_parameters", parameters), ("rope_scaling", scaling)])
            foreach (string key in (string[])["rope_type", "type"])
                if (group?.Text(key, Plain) is { } type && type != Plain)
                    throw json.Bad($"{name}.{key}", Quoted.Name(type),
                        $"\"{Plain}\"; scaled rotary embeddings are not supported");
        return new RotaryKeys(
            json.Float(k.RotaryShare!,
                parameters?.Float("partial_rotary_factor", k.AbsentRotaryShare) ?? k.AbsentRotaryShare),
            json.Float(k.RotaryBase, parameters?.Float("rope_theta", UsualBase) ?? UsualBase));
    }

    internal static void Write(IDictionary<string, JsonNode?> fields, ConfigKeys k, ModelConfig config)
    {
        float share = (float)config.RotaryNumbers / config.HeadWidth;
        // The reader cuts down, so the share must not be the float below.
        if ((int)(config.HeadWidth * (double)share) < config.RotaryNumbers)
            share = float.BitIncrement(share);
        fields[k.RotaryShare!] = share;
        fields[k.RotaryBase] = config.RotaryBase;
    }
}
