using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>
/// Saves lenses to a folder and loads them. <c>lens.safetensors</c> holds the learned tensors, named like
/// <c>layers.3.weight</c>, and the <see cref="LensMetadata"/> in its metadata. <c>lens.json</c> repeats the
/// metadata for people. The base model is not included.
/// </summary>
public static class LensFolder
{
    /// <summary>Name of the file with the tensors.</summary>
    public const string WeightsFile = "lens.safetensors";

    /// <summary>Name of the file with the metadata.</summary>
    public const string FactsFile = "lens.json";

    /// <summary>Name of the tensor [V] with the count of each token in the training texts.</summary>
    public const string UnigramTensor = "unigram";

    const string FactsField = "lens";

    /// <summary>Writes lenses to a folder; each file is replaced atomically.</summary>
    /// <param name="folder">Folder to write to; created if missing.</param>
    /// <param name="facts">Metadata of all layers that the file will have.</param>
    /// <param name="lens">Lenses with the new parameters.</param>
    /// <param name="fresh">Layers that are written from <paramref name="lens"/>; the others are copied from
    /// the existing file.</param>
    /// <param name="unigram">[V]: token counts; null keeps the counts of the existing file.</param>
    /// <exception cref="UserException">The folder cannot be written, or the existing file is
    /// damaged.</exception>
    public static void Save(string folder, LensMetadata facts, LensSet lens, IReadOnlySet<int> fresh,
        IReadOnlyList<long>? unigram = null)
    {
        ArgumentNullException.ThrowIfNull(facts);
        ArgumentNullException.ThrowIfNull(lens);
        ArgumentNullException.ThrowIfNull(fresh);
        string path = Path.Combine(folder, WeightsFile);
        bool keeps = facts.Layers.Any(l => !fresh.Contains(l)) || (unigram is null && File.Exists(path));
        using SafetensorsReader? old = keeps ? SafetensorsReader.Open(path) : null;
        var writer = new SafetensorsWriter();
        writer.Metadata[FactsField] = facts.ToString();
        foreach (int layer in facts.Layers)
            if (fresh.Contains(layer))
                foreach (LensParameter p in lens[layer].Parameters)
                    writer.Add(Name(layer, p.Name), p.Value.Shape, (start, piece) =>
                        p.Value.Slice(p.Name, start, piece.Length).Download(piece));
            else
                CopyLayer(old!, writer, layer);
        if (unigram is not null)
            writer.AddInts(UnigramTensor, [unigram.Count],
                unigram.Select(n => (int)Math.Min(n, int.MaxValue)).ToArray());
        else if (old is not null && ReadUnigram(old, facts.VocabSize) is { } counts)
            writer.AddInts(UnigramTensor, [facts.VocabSize], counts);
        writer.Save(path);
        AtomicFile.WriteText(Path.Combine(folder, FactsFile), facts + "\n");
    }

    /// <summary>Reads the metadata of the lens in a folder, without the tensors.</summary>
    /// <exception cref="UserException">The file is missing or not a lens.</exception>
    public static LensMetadata ReadFacts(string folder)
    {
        string path = PathIn(folder);
        using SafetensorsReader reader = SafetensorsReader.Open(path);
        return LensMetadata.Parse(path, reader.Metadata.GetValueOrDefault(FactsField));
    }

    /// <summary>Checks that a lens was made for the given model.</summary>
    /// <exception cref="UserException">The model has another vocabulary, other sizes or other
    /// weights.</exception>
    public static void RequireFor(string folder, LensMetadata facts, ModelConfig config, string modelHash)
    {
        ArgumentNullException.ThrowIfNull(facts);
        ArgumentNullException.ThrowIfNull(config);
        if (facts.VocabSize != config.VocabSize)
            throw new UserException($"{Quoted.Path(folder)}: the lens has a vocabulary of {facts.VocabSize} "
                + $"tokens and the model one of {config.VocabSize}; expected the model it was made for");
        if (facts.Width != config.Width || facts.Heads != config.Heads || facts.Layers[^1] >= config.Layers)
            throw new UserException($"{Quoted.Path(folder)}: the lens is for "
                + $"{Counted.Of(facts.Heads, "head")}, a width "
                + $"of {facts.Width} and layers up to {facts.Layers[^1]}; the model has {config.Heads}, "
                + $"{config.Width} and {Counted.Of(config.Layers, "layer")}");
        if (facts.ModelHash != modelHash)
            throw new UserException($"{Quoted.Path(folder)}: the lens was made for a model with hash "
                + $"{facts.ModelHash[..Math.Min(12, facts.ModelHash.Length)]}, and this one's is "
                + $"{modelHash[..12]}; expected the model it was made for");
    }

    /// <summary>Loads lenses from a folder.</summary>
    /// <param name="model">The model that the lenses read.</param>
    /// <param name="modelHash"><see cref="ModelFolder.Hash"/> of the model.</param>
    /// <param name="folder">Folder of the lenses.</param>
    /// <param name="layers">Layers to load; null for all.</param>
    /// <param name="positions">Largest number of positions whose features are made at once.</param>
    /// <exception cref="UserException">The lenses are missing, damaged, made for another model, or do not fit
    /// the device.</exception>
    public static LensSet Load(
        LanguageModel model, string modelHash, string folder, IReadOnlyList<int>? layers, int positions)
    {
        ArgumentNullException.ThrowIfNull(model);
        string path = PathIn(folder);
        using SafetensorsReader reader = SafetensorsReader.Open(path);
        LensMetadata facts = LensMetadata.Parse(path, reader.Metadata.GetValueOrDefault(FactsField));
        RequireFor(folder, facts, model.Config, modelHash);
        LensSet lens = LensSet.Empty(model, facts.Lens, layers ?? facts.Layers, positions);
        try
        {
            foreach (int layer in lens.Layers)
                Read(reader, layer, facts.Layers.Contains(layer) ? lens[layer]
                    : throw new UserException($"{Quoted.Path(folder)}: the lens has no layer {layer}; it has "
                        + string.Join(", ", facts.Layers)));
            return lens;
        }
        catch
        {
            lens.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Reads the count of each token in the training texts, [V]; null if the file has no counts.
    /// </summary>
    /// <exception cref="UserException">The file is missing or damaged.</exception>
    public static int[]? Unigram(string folder)
    {
        string path = PathIn(folder);
        using SafetensorsReader reader = SafetensorsReader.Open(path);
        return ReadUnigram(reader,
            LensMetadata.Parse(path, reader.Metadata.GetValueOrDefault(FactsField)).VocabSize);
    }

    internal static string Name(int layer, string parameter) => $"layers.{layer}.{parameter}";

    static string PathIn(string folder)
    {
        string path = Path.Combine(folder, WeightsFile);
        return File.Exists(path) ? path : throw new UserException(
            $"{Quoted.Path(folder)}: no {WeightsFile} is there; expected a folder that `lens train` wrote");
    }

    static void Read(SafetensorsReader reader, int layer, LayerLens lens)
    {
        foreach (LensParameter p in lens.Parameters)
            reader.Read(Name(layer, p.Name), p.Value);
    }

    static void CopyLayer(SafetensorsReader old, SafetensorsWriter writer, int layer)
    {
        string prefix = Name(layer, "");
        SafetensorsEntry[] entries = [.. old.Entries
            .Where(e => e.Name.StartsWith(prefix, StringComparison.Ordinal))];
        if (entries.Length == 0)
            throw new UserException($"the lens that is there has no layer {layer}; train it anew");
        foreach (SafetensorsEntry entry in entries)
            writer.Add(entry.Name, [.. entry.Shape.Select(extent => (int)extent)],
                (start, piece) =>
                {
                    old.Read(entry.Name, start, piece);
                    old.RequireFinite(entry.Name, piece);
                });
    }

    static int[]? ReadUnigram(SafetensorsReader reader, int V)
    {
        if (!reader.Contains(UnigramTensor) || !reader.Find(UnigramTensor).Shape.SequenceEqual([(long)V]))
            return null;
        int[] counts = new int[V];
        reader.ReadInts(UnigramTensor, counts);
        return counts;
    }
}
