using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>Says where the elements of a parameter go; the span is as long as the parameter.</summary>
public delegate Span<float> ParameterDestination(ParameterSlice slice);

/// <summary>Takes the elements of a parameter from <paramref name="start"/> on.</summary>
public delegate void ParameterSink(ParameterSlice slice, long start, ReadOnlySpan<float> values);

/// <summary>Fills <paramref name="destination"/> with the elements of a parameter from <paramref
/// name="start"/> on.</summary>
public delegate void ParameterSource(ParameterSlice slice, long start, Span<float> destination);

/// <summary>
/// A model folder as Hugging Face keeps it: <c>config.json</c>, <c>model.safetensors</c> (or several files
/// with an index), tokenizer files. Parameters pass through one at a time, so a model is never held twice.
/// </summary>
public static class ModelFolder
{
    const string ConfigFile = "config.json";
    const string WeightsFile = "model.safetensors";
    const string IndexFile = "model.safetensors.index.json";
    const int PieceLength = 1 << 18;

    static readonly string[] TokenizerFiles =
    [
        "vocab.json", "merges.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
        "added_tokens.json", "encoder.json", "vocab.bpe",
    ];

    /// <summary>What a training writes at its end, over what has these names.</summary>
    public static IReadOnlyList<string> Results { get; } =
        [ConfigFile, WeightsFile, RunFolder.ManifestFile];

    /// <summary>Reads <c>config.json</c>.</summary>
    /// <exception cref="UserException">There is none, or it is not one we can use.</exception>
    public static ModelConfig ReadConfig(string dir) => ReadConfig(dir, Architecture.Known);

    internal static ModelConfig ReadConfig(string dir, IReadOnlyList<Architecture> known)
    {
        RequireFolder(dir);
        return ModelConfig.Read(Path.Combine(dir, ConfigFile), known);
    }

    /// <summary>Reads all parameters into the flat vector of <see cref="ParameterLayout"/>.</summary>
    /// <exception cref="UserException">The weights are missing or damaged, or do not fit the
    /// config.</exception>
    public static unsafe void ReadParameters(string dir, ModelConfig config, Span<float> flat)
    {
        long total = new ParameterLayout(config).TotalLength;
        if (flat.Length != total)
            throw new ArgumentException($"The model has {total} parameters, the destination {flat.Length}.",
                nameof(flat));
        fixed (float* start = flat)
        {
            float* all = start; // a span cannot be captured; the pin outlives the call
            ReadParameters(dir, config, slice => new Span<float>(all + slice.Offset, (int)slice.Length));
        }
    }

    /// <summary>Reads every parameter into the place that <paramref name="destination"/> gives for
    /// it.</summary>
    /// <exception cref="UserException">The weights are missing or damaged, or do not fit the
    /// config.</exception>
    public static void ReadParameters(string dir, ModelConfig config, ParameterDestination destination)
    {
        using SafetensorsShards shards = SafetensorsShards.Open(FindWeights(dir));
        foreach ((ParameterSlice slice, string name) in CheckpointNames.Match(
            dir, shards, new ParameterLayout(config)))
            Read(shards, name, slice, config, destination(slice));
    }

    /// <summary>Reads every parameter in pieces of at most 256 Ki elements, for memory that is not a span.
    /// One
    /// that the checkpoint stores in another order comes in one piece.</summary>
    /// <exception cref="UserException">The weights are missing or damaged, or do not fit the
    /// config.</exception>
    public static void ReadPieces(string dir, ModelConfig config, ParameterSink sink)
    {
        using SafetensorsShards shards = SafetensorsShards.Open(FindWeights(dir));
        float[] piece = new float[PieceLength];
        foreach ((ParameterSlice slice, string name) in CheckpointNames.Match(
            dir, shards, new ParameterLayout(config)))
        {
            if (slice.Stored != StoredForm.AsInMemory) // rearranged as a whole
            {
                float[] whole = new float[slice.Length];
                Read(shards, name, slice, config, whole);
                sink(slice, 0, whole);
                continue;
            }
            for (long start = 0; start < slice.Length; start += PieceLength)
            {
                Span<float> values = piece.AsSpan(0, (int)Math.Min(PieceLength, slice.Length - start));
                shards.Read(name, start, values);
                sink(slice, start, values);
            }
        }
    }

    /// <summary>Writes a model folder that Hugging Face loads. Every file is written whole or not at
    /// all.</summary>
    /// <param name="dir">The folder; made if missing.</param>
    /// <param name="config">The model's sizes.</param>
    /// <param name="source">Asked for the parameters in checkpoint order, piece by piece.</param>
    /// <param name="dtype">F32, or F16 or BF16, to which values are rounded.</param>
    /// <param name="tokenizerFrom">A model folder whose tokenizer files are copied.</param>
    /// <exception cref="UserException">The folder cannot be written, or a value is too large for
    /// F16.</exception>
    public static void Write(string dir, ModelConfig config, ParameterSource source,
        SafetensorsDtype dtype = SafetensorsDtype.F32, string? tokenizerFrom = null)
    {
        var writer = new SafetensorsWriter();
        // transformers refuses files that do not say which framework wrote them
        writer.Metadata["format"] = "pt";
        foreach (ParameterSlice slice in new ParameterLayout(config).Slices)
            writer.Add(slice.StoredName, StoredForms.ShapeOf(slice), Stored(slice, config, source), dtype);
        writer.Save(Path.Combine(dir, WeightsFile));
        if (tokenizerFrom is not null)
            CopyTokenizer(tokenizerFrom, dir);
        // Last: a folder without config.json is refused on reading, so half a model is never taken for one.
        config.Write(Path.Combine(dir, ConfigFile));
    }

    /// <summary>Writes a model folder from a flat vector.</summary>
    /// <inheritdoc cref="Write(string, ModelConfig, ParameterSource, SafetensorsDtype, string?)"/>
    public static void Write(string dir, ModelConfig config, ReadOnlyMemory<float> flat,
        SafetensorsDtype dtype = SafetensorsDtype.F32, string? tokenizerFrom = null) =>
        Write(dir, config, (slice, start, piece) =>
            flat.Span.Slice((int)(slice.Offset + start), piece.Length).CopyTo(piece), dtype, tokenizerFrom);

    /// <summary>Copies the tokenizer files that one folder has into another.</summary>
    /// <exception cref="UserException">A file cannot be read or written.</exception>
    public static void CopyTokenizer(string from, string to)
    {
        RequireFolder(from);
        if (Path.GetFullPath(from) == Path.GetFullPath(to))
            return;
        foreach (string file in TokenizerFiles)
            if (File.Exists(Path.Combine(from, file)))
            {
                using FileStream source = InputFile.Open(Path.Combine(from, file));
                AtomicFile.Write(Path.Combine(to, file), source.CopyTo);
            }
    }

    /// <summary>SHA-256 of the weights in small hexadecimal letters: of the one file, or of all files of an
    /// index in order of their names, one after the other (<c>cat model-*.safetensors |
    /// sha256sum</c>).</summary>
    /// <exception cref="UserException">The weights are missing or cannot be read.</exception>
    public static string Hash(string dir)
    {
        using SafetensorsShards shards = SafetensorsShards.Open(FindWeights(dir));
        return FileHash.Sha256(shards.Files);
    }

    /// <summary>Checks config and headers of the weights against each other, without reading a
    /// number.</summary>
    /// <exception cref="UserException">Something is missing, damaged or does not fit.</exception>
    public static void Check(string dir)
    {
        var parameters = new ParameterLayout(ReadConfig(dir));
        using SafetensorsShards shards = SafetensorsShards.Open(FindWeights(dir));
        CheckpointNames.Match(dir, shards, parameters);
    }

    static void Read(SafetensorsShards shards, string name, ParameterSlice slice, ModelConfig config,
        Span<float> destination)
    {
        if (slice.Stored == StoredForm.AsInMemory)
        {
            shards.Read(name, destination);
            return;
        }
        float[] stored = new float[slice.Length];
        shards.Read(name, stored);
        StoredForms.ToMemory(slice, config.Heads, stored, destination);
    }

    // The elements of a parameter as a checkpoint stores them, piece by piece.
    static TensorSource Stored(ParameterSlice slice, ModelConfig config, ParameterSource source)
    {
        if (slice.Stored == StoredForm.AsInMemory)
            return (start, piece) => source(slice, start, piece);
        float[]? stored = null; // one parameter at a time
        return (start, piece) =>
        {
            if (stored is null)
            {
                float[] memory = new float[slice.Length];
                source(slice, 0, memory);
                StoredForms.ToStored(slice, config.Heads, memory, stored = new float[slice.Length]);
            }
            stored.AsSpan((int)start, piece.Length).CopyTo(piece);
            if (start + piece.Length == slice.Length)
                stored = null;
        };
    }

    static string FindWeights(string dir)
    {
        RequireFolder(dir);
        string one = Path.Combine(dir, WeightsFile), index = Path.Combine(dir, IndexFile);
        if (File.Exists(one))
            return one;
        if (File.Exists(index))
            return index;
        throw new UserException(File.Exists(Path.Combine(dir, "pytorch_model.bin"))
            ? $"{Quoted.Path(dir)}: has only pytorch_model.bin, which is not supported; convert it to "
                + $"{WeightsFile}."
            : $"{Quoted.Path(dir)}: has neither {WeightsFile} nor {IndexFile}; expected a model folder.");
    }

    static void RequireFolder(string dir)
    {
        if (!Directory.Exists(dir))
            throw new UserException($"{Quoted.Path(dir)}: no such folder; expected a model folder with "
                + $"{ConfigFile}.");
    }
}
