using System.Globalization;
using HeadTap.Inject;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>
/// Parses the words of injection options: encoders, sites, positions, layers and magnitudes.
/// </summary>
static class InjectionWords
{
    /// <summary>The word for weights that are rewritten as TransformerLens does.</summary>
    internal const string TransformerLens = "transformer-lens";

    /// <summary>Returns the encoder of a word.</summary>
    internal static MemoryEncoder Encoder(string word) => word switch
    {
        "unembed" => MemoryEncoder.Unembed,
        "embed" => MemoryEncoder.Embed,
        "layer" => MemoryEncoder.Layer,
        "jacobian" => MemoryEncoder.Jacobian,
        _ => throw new UserException($"{Field.Of("Encoder")} is {Quoted.Name(word)}; expected unembed, "
            + "embed, layer or jacobian"),
    };

    /// <summary>Returns the encoder of tokens where no other kind can be chosen.</summary>
    internal static MemoryEncoder TokenEncoder(string word) => word switch
    {
        "unembed" => MemoryEncoder.Unembed,
        "jacobian" => MemoryEncoder.Jacobian,
        _ => throw new UserException(
            $"{Field.Of("Encoder")} is {Quoted.Name(word)}; expected unembed or jacobian"),
    };

    /// <summary>Returns whether the weights are rewritten as TransformerLens does.</summary>
    internal static bool Processed(string word) => word switch
    {
        "raw" => false,
        TransformerLens => true,
        _ => throw new UserException($"{Field.Of("Weights")} is {Quoted.Name(word)}; expected raw or "
            + TransformerLens),
    };

    /// <summary>Returns the site of a word.</summary>
    internal static SiteKind Target(string word) => word switch
    {
        "attn_out" => SiteKind.AttnOut,
        "result" => SiteKind.Result,
        "mlp_out" => SiteKind.MlpOut,
        "resid_pre" => SiteKind.ResidPre,
        "resid_mid" => SiteKind.ResidMid,
        "resid_post" => SiteKind.ResidPost,
        _ => throw new UserException(
            $"{Field.Of("Site")} is {Quoted.Name(word)}; expected attn_out, result, mlp_out, resid_pre, "
            + "resid_mid or resid_post"),
    };

    /// <summary>Returns the positions of a word: <c>all</c>, <c>last</c>, or <c>2-4</c>.</summary>
    internal static EditPositions Positions(string word, int promptLength)
    {
        if (word == "all")
            return EditPositions.All;
        if (word == "last")
            return EditPositions.Last;
        string[] ends = word.Split('-');
        if (ends.Length != 2 || !TryWhole(ends[0], out int first) || !TryWhole(ends[1], out int last)
            || first > last || last >= promptLength)
            throw new UserException(
                $"{Field.Of("Position")} is {Quoted.Name(word)}; expected all, last, or a span like 2-4 "
                    + $"within the prompt's {Counted.Of(promptLength, "position")}");
        return EditPositions.List([.. Enumerable.Range(first, last - first + 1)]);
    }

    /// <summary>Parses layers separated by commas.</summary>
    internal static int[] Layers(string text, ModelConfig config) => [.. text.Split(',').Select(word =>
        TryWhole(word, out int layer) && layer < config.Layers ? layer : throw new UserException(
            $"{Field.Of("Layer")} is {Quoted.Name(text)}; expected layers from 0 to {config.Layers - 1}, "
            + "with commas between"))];

    /// <summary>Parses whole numbers and spans of them: <c>0-3,6</c>.</summary>
    internal static IEnumerable<float> Spans(string option, string text)
        => text.Split(',').SelectMany(part => Span(part) ?? throw new UserException(
            $"{Field.Of(option)} is {Quoted.Name(text)}; expected numbers from 0 and spans like 0-3, with "
                + "commas between"));

    /// <summary>Parses magnitudes: numbers, and spans of whole numbers.</summary>
    internal static IEnumerable<float> Numbers(string option, string text)
        => text.Split(',').SelectMany(part => Span(part)
            ?? (float.TryParse(part, NumberStyles.Float, CultureInfo.InvariantCulture, out float value)
                && float.IsFinite(value) ? [value] : throw new UserException(
                    $"{Field.Of(option)} is {Quoted.Name(text)}; expected numbers and spans like 1-15, with "
                        + "commas between")));

    static float[]? Span(string part)
    {
        string[] ends = part.Split('-');
        if (ends.Length > 2 || !TryWhole(ends[0], out int first) || !TryWhole(ends[^1], out int last)
            || last < first || last > 9999)
            return null;
        return [.. Enumerable.Range(first, last - first + 1).Select(n => (float)n)];
    }

    static bool TryWhole(string text, out int number)
        => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
