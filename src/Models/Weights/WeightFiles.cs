using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>Finds the weights in a model folder, and calls by their name those it cannot use.</summary>
static class WeightFiles
{
    internal const string One = "model.safetensors";
    internal const string Index = "model.safetensors.index.json";

    static readonly string[] s_others =
        [".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".gguf", ".ggml", ".h5", ".msgpack", ".onnx",
            ".npz"];

    /// <summary>The file of the weights, or the index of their files.</summary>
    /// <exception cref="UserException">There is neither.</exception>
    internal static string Find(string dir)
    {
        RequireFolder(dir);
        return InFolder(dir) ?? throw new UserException(TrainingRecord.WithoutWeights(dir) ?? Others(dir)
            ?? $"{Quoted.Path(dir)}: has neither {One} nor {Index}; expected a model folder.");
    }

    /// <summary>The same, or the checkpoint of a training before its end; null if there is none of them.
    /// </summary>
    internal static string? InFolder(string dir)
    {
        string one = Path.Combine(dir, One), index = Path.Combine(dir, Index);
        return File.Exists(one) ? one : File.Exists(index) ? index : TrainingRecord.Weights(dir);
    }

    /// <summary>What a folder without such files has in their place; null for nothing known.</summary>
    internal static string? Others(string dir)
    {
        string? path = Directory.EnumerateFiles(dir)
            .Where(f => s_others.Contains(Path.GetExtension(f), StringComparer.OrdinalIgnoreCase))
            .OrderBy(f => Array.FindIndex(s_others, end
                => f.EndsWith(end, StringComparison.OrdinalIgnoreCase)))
            .ThenBy(f => f, StringComparer.Ordinal).FirstOrDefault();
        if (path is null)
            return null;
        string file = Quoted.Path(Path.GetFileName(path));
        return ForeignFile.Name(path) is { } foreign ? $"{Quoted.Path(dir)}: has only {file}, {foreign}"
            : path.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase)
            ? $"{Quoted.Path(dir)}: has {file} but neither {One} nor {Index}; give the file the name {One}"
            : $"{Quoted.Path(dir)}: has only {file}, which is not supported; convert it to {One}.";
    }

    /// <exception cref="UserException">It is no folder.</exception>
    internal static void RequireFolder(string dir)
    {
        if (Directory.Exists(dir))
            return;
        throw new UserException(!File.Exists(dir)
            ? $"{Quoted.Path(dir)}: no such folder; expected a model folder with config.json."
            : $"{Quoted.Path(dir)}: is {ForeignFile.Name(dir) ?? "a file"}; expected a model folder with "
                + "config.json.");
    }
}
