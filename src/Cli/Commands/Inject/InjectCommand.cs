using System.CommandLine;
using HeadTap.Inject;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Cli;

/// <summary><c>inject</c>: memories added while the model runs.</summary>
static class InjectCommand
{
    internal static Command Create(GlobalOptions global)
        => new("inject", "Add a memory to a layer while the model runs")
        {
            InjectDataCommand.Create(global), InjectRunCommand.Create(global),
            InjectCompareCommand.Create(global), InjectSweepCommand.Create(global),
            InjectEvaluateCommand.Create(global), InjectRandomCommand.Create(global),
            InjectSuggestCommand.Create(global),
        };

    /// <summary><c>--weights</c>, for <see cref="Processed"/>.</summary>
    internal static Option<string> WeightsOption() => new("--weights")
    {
        Description = "raw or transformer-lens (LayerNorm folded, centred: the paper's)",
        DefaultValueFactory = _ => "raw",
    };

    /// <summary>The encoder of a word.</summary>
    internal static MemoryEncoder Encoder(string word) => word switch
    {
        "unembed" => MemoryEncoder.Unembed,
        "embed" => MemoryEncoder.Embed,
        "layer" => MemoryEncoder.Layer,
        _ => throw new UserException($"--encoder is {Quoted.Name(word)}; expected unembed, embed or layer"),
    };

    /// <summary>Whether the weights of a word are processed.</summary>
    internal static bool Processed(string word) => word switch
    {
        "raw" => false,
        "transformer-lens" => true,
        _ => throw new UserException($"--weights is {Quoted.Name(word)}; expected raw or transformer-lens"),
    };

    /// <summary>The site of a word.</summary>
    internal static SiteKind Target(string word) => word switch
    {
        "attn_out" => SiteKind.AttnOut,
        "result" => SiteKind.Result,
        "mlp_out" => SiteKind.MlpOut,
        "resid_pre" => SiteKind.ResidPre,
        "resid_mid" => SiteKind.ResidMid,
        "resid_post" => SiteKind.ResidPost,
        _ => throw new UserException(
            $"--site is {Quoted.Name(word)}; expected attn_out, result, mlp_out, resid_pre, "
            + "resid_mid or resid_post"),
    };

    /// <summary>Positions of a word: <c>all</c>, <c>last</c>, or <c>2-4</c>.</summary>
    internal static EditPositions Positions(string word, int promptLength)
    {
        if (word == "all")
            return EditPositions.All;
        if (word == "last")
            return EditPositions.Last;
        string[] ends = word.Split('-');
        if (ends.Length != 2 || !TryIndex(ends[0], out int first) || !TryIndex(ends[1], out int last)
            || first > last || last >= promptLength)
            throw new UserException(
                $"--position is {Quoted.Name(word)}; expected all, last, or a span like 2-4 within the "
                + $"prompt's {promptLength} positions");
        return EditPositions.List([.. Enumerable.Range(first, last - first + 1)]);
    }

    /// <summary>Layers with commas between.</summary>
    internal static int[] Layers(string text, ModelConfig config) => [.. text.Split(',').Select(word =>
        TryIndex(word, out int layer) && layer < config.Layers ? layer : throw new UserException(
            $"--layer is {Quoted.Name(text)}; expected layers from 0 to {config.Layers - 1}, "
            + "with commas between"))];

    static bool TryIndex(string text, out int index) => int.TryParse(text,
        System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out index);
}
