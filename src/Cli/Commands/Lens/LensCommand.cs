using System.CommandLine;
using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Cli;

/// <summary><c>lens</c>: what heads write, in words.</summary>
static class LensCommand
{
    internal static Command Create(GlobalOptions global)
        => new("lens", "Learn, measure and read what attention heads write, in words")
        {
            LensTrainCommand.Create(global), LensEvalCommand.Create(global), LensReadCommand.Create(global),
            LensScanCommand.Create(global), LensMemoryCommand.Create(global),
            LensConvertCommand.Create(global), LensImportCommand.Create(global),
        };

    /// <summary>Refuses a folder that has a lens, or cannot be written.</summary>
    internal static void RequireFree(string output)
    {
        string file = Path.Combine(output, LensFolder.WeightsFile);
        if (File.Exists(file))
            throw new UserException(
                $"{Quoted.Path(output)}: a lens is there already; expected another folder");
        AtomicFile.RequireWritable(file);
    }

    /// <summary>The kind of a word.</summary>
    internal static LensKind Kind(string word) => word switch
    {
        "head" => LensKind.Head,
        "thin" => LensKind.Thin,
        "low-rank" => LensKind.LowRank,
        "shared" => LensKind.Shared,
        "residual" => LensKind.Residual,
        "tuned" => LensKind.Tuned,
        _ => throw new UserException($"--kind is {Quoted.Name(word)}; expected head, thin, low-rank, shared, "
            + "residual or tuned"),
    };

    /// <summary>Layers of a word: <c>all</c>, or numbers with commas between.</summary>
    internal static int[] Layers(string word, ModelConfig config)
    {
        if (word == "all")
            return [.. Enumerable.Range(0, config.Layers)];
        int[] layers = [.. word.Split(',').Select(part => int.TryParse(part,
            System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture,
            out int layer) && layer < config.Layers ? layer : throw new UserException(
                $"--layers is {Quoted.Name(word)}; expected all, or layers from 0 to {config.Layers - 1} "
                + "with commas between"))];
        return layers.Distinct().Count() == layers.Length ? [.. layers.Order()]
            : throw new UserException($"--layers is {Quoted.Name(word)}; a layer is named twice");
    }
}
