using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>
/// Lenses in a folder: <c>lens.safetensors</c> with the learned tensors, named <c>layers.3.weight</c>, and in
/// its metadata the <see cref="LensMetadata"/>, which <c>lens.json</c> repeats for people. The base model is
/// not
/// in it.
/// </summary>
public static class LensFolder
{
    /// <summary>The tensors' file.</summary>
    public const string WeightsFile = "lens.safetensors";

    /// <summary>The facts' file.</summary>
    public const string FactsFile = "lens.json";

    /// <summary>Tensor [V] of how often each token stands in the training texts.</summary>
    public const string UnigramTensor = "unigram";

    const string FactsField = "lens";

    /// <summary>Writes lenses, whole or not at all.</summary>
    /// <param name="folder">Made when missing.</param>
    /// <param name="facts">Of all layers that the file will have.</param>
    /// <param name="lens">Has the new parameters.</param>
    /// <param name="fresh">Layers that are written from <paramref name="lens"/>; the others are copied from
    /// the file that is there.</param>
    /// <param name="unigram">[V] counts of tokens, or null to keep those that are there.</param>
    /// <exception cref="UserException">The place cannot be written, or the file that is there is
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

    /// <summary>What a folder holds, without its tensors.</summary>
    /// <exception cref="UserException">It is missing or no lens.</exception>
    public static LensMetadata ReadFacts(string folder)
    {
        string path = PathIn(folder);
        using SafetensorsReader reader = SafetensorsReader.Open(path);
        return LensMetadata.Parse(path, reader.Metadata.GetValueOrDefault(FactsField));
    }

    /// <summary>Refuses a lens that was made for another model.</summary>
    /// <exception cref="UserException">The vocabulary, the sizes or the weights are others.</exception>
    public static void RequireFor(string folder, LensMetadata facts, ModelConfig config, string modelHash)
    {
        ArgumentNullException.ThrowIfNull(facts);
        ArgumentNullException.ThrowIfNull(config);
        if (facts.VocabSize != config.VocabSize)
            throw new UserException($"{Quoted.Path(folder)}: the lens has a vocabulary of {facts.VocabSize} "
                + $"tokens and the model one of {config.VocabSize}; expected the model it was made for");
        if (facts.Width != config.Width || facts.Heads != config.Heads || facts.Layers[^1] >= config.Layers)
            throw new UserException($"{Quoted.Path(folder)}: the lens is for {facts.Heads} heads, a width "
                + $"of {facts.Width} and layers up to {facts.Layers[^1]}; the model has {config.Heads}, "
                + $"{config.Width} and {config.Layers} layers");
        if (facts.ModelHash != modelHash)
            throw new UserException($"{Quoted.Path(folder)}: the lens was made for a model with hash "
                + $"{facts.ModelHash[..Math.Min(12, facts.ModelHash.Length)]}, and this one's is "
                + $"{modelHash[..12]}; expected the model it was made for");
    }

    /// <summary>Reads lenses.</summary>
    /// <param name="model">Whose heads they read.</param>
    /// <param name="modelHash">Its hash.</param>
    /// <param name="folder">Where they are.</param>
    /// <param name="layers">Which; null for all.</param>
    /// <param name="positions">Positions whose features are made at once, at most.</param>
    /// <exception cref="UserException">They are for another model, damaged, or do not fit the device.
    /// </exception>
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

    /// <summary>[V]: how often each token stands in the training texts; null where that is not known.
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
                (start, piece) => old.Read(entry.Name, start, piece));
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
