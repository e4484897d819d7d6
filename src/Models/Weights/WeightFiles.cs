using System.IO.Enumeration;
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
        string[] files = Files(dir);
        if (files.FirstOrDefault(f => FileSystemName.MatchesSimpleExpression("*.ckpt*.index",
                Path.GetFileName(f)) || FileSystemName.MatchesSimpleExpression("model-*.index",
                Path.GetFileName(f))) is { } checkpoint)
            return $"{Quoted.Path(dir)}: has {Quoted.Path(Path.GetFileName(checkpoint))}, a checkpoint of "
                + "TensorFlow as OpenAI published GPT-2, which is not read; convert the folder with "
                + "Transformers (convert_gpt2_original_tf_checkpoint_to_pytorch), and save safetensors";
        string? path = files
            .Where(f => s_others.Contains(Path.GetExtension(f), StringComparer.OrdinalIgnoreCase))
            .OrderBy(f => Array.FindIndex(s_others, end
                => f.EndsWith(end, StringComparison.OrdinalIgnoreCase)))
            .ThenBy(f => f, StringComparer.Ordinal).FirstOrDefault();
        if (path is null)
            return null;
        string file = Quoted.Path(Path.GetFileName(path));
        if (file.StartsWith("adapter_model.", StringComparison.OrdinalIgnoreCase))
            return $"{Quoted.Path(dir)}: has only {file}, an adapter (PEFT) and no model; merge it into its "
                + "base model with merge_and_unload, and save that";
        if (FileSystemName.MatchesSimpleExpression("*-?????-of-?????.safetensors", file))
            return $"{Quoted.Path(dir)}: has {file}, a part of the weights, and not the index of all parts, "
                + $"{Index}; fetch the index and every part";
        return ForeignFile.Name(path) is { } foreign ? $"{Quoted.Path(dir)}: has only {file}, {foreign}"
            : path.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase)
            ? $"{Quoted.Path(dir)}: has {file} but neither {One} nor {Index}; give the file the name {One}"
            : $"{Quoted.Path(dir)}: has only {file}, which is not supported; convert it to {One}.";
    }

    static string[] Files(string dir)
    {
        try
        {
            return Directory.GetFiles(dir);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw InputFile.Unreadable(dir, e);
        }
    }

    /// <exception cref="UserException">It is no folder.</exception>
    internal static void RequireFolder(string dir)
    {
        if (dir.Length == 0)
            throw new UserException("a folder's name is empty; expected a path");
        if (Directory.Exists(dir))
            return;
        throw new UserException(!File.Exists(dir)
            ? $"{Quoted.Path(dir)}: no such folder; expected a model folder with config.json"
                + (PublishedModel.All.Any(m => m.Name == dir)
                    ? $", as headtap weights pull {dir} {Field.Of("Out")} {dir} fetches it." : ".")
            : $"{Quoted.Path(dir)}: is {ForeignFile.Name(dir) ?? "a file"}; expected a model folder with "
                + "config.json.");
    }
}
