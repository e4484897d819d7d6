using System.Text.Json;
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
    internal const string ConfigFile = "config.json";
    const int PieceLength = 1 << 18;

    static readonly string[] TokenizerFiles =
    [
        "vocab.json", "merges.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
        "added_tokens.json", "encoder.json", "vocab.bpe",
    ];

    /// <summary>What a training writes at its end, over what has these names.</summary>
    public static IReadOnlyList<string> Results { get; } =
        [ConfigFile, WeightFiles.One, RunFolder.ManifestFile];

    /// <summary>Whether a file of this name in a model folder is read as a part of the model, here or by
    /// Hugging Face, so that another file must not take it.</summary>
    public static bool IsOwnFile(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return name.ToLowerInvariant() is var small && (small is ConfigFile or "generation_config.json"
            or RunFolder.ManifestFile or "train.json" || TokenizerFiles.Contains(small)
            || small.EndsWith(WeightFiles.Index[5..], StringComparison.Ordinal)
            || (small.StartsWith("model", StringComparison.Ordinal)
                && small.EndsWith(".safetensors", StringComparison.Ordinal))
            || (small.StartsWith("pytorch_model", StringComparison.Ordinal)
                && small.EndsWith(".bin", StringComparison.Ordinal)));
    }

    /// <summary>Whether a folder has a model in it.</summary>
    public static bool IsThere(string folder) => File.Exists(Path.Combine(folder, ConfigFile))
        && WeightFiles.InFolder(folder) is not null;

    /// <summary>Refuses a folder without weights that we read; the message names those that it has.</summary>
    /// <exception cref="UserException">There are none.</exception>
    public static void RequireWeights(string folder) => WeightFiles.Find(folder);

    /// <summary>Reads <c>config.json</c>.</summary>
    /// <exception cref="UserException">There is none, or it is not one we can use.</exception>
    public static ModelConfig ReadConfig(string dir) => ReadConfig(dir, Architecture.Known);

    internal static ModelConfig ReadConfig(string dir, IReadOnlyList<Architecture> known)
    {
        ModelConfig config = ReadConfigFile(dir, known);
        return config.TiedHead && StoredHead.Differs(dir, config) ? config with { TiedHead = false } : config;
    }

    /// <summary>
    /// What a user should know of how a model is read: a training that has not come to its end, a head of its
    /// own in spite of the config, tensors passed over, biases that are not there. A line each.
    /// </summary>
    /// <exception cref="UserException">Something is missing, damaged or does not fit.</exception>
    public static IReadOnlyList<string> Remarks(string dir)
    {
        ModelConfig config = ReadConfig(dir);
        using SafetensorsShards shards = SafetensorsShards.Open(WeightFiles.Find(dir));
        List<string> remarks =
        [
            .. TrainingRecord.Remark(dir) is { } stopped ? [stopped] : Array.Empty<string>(),
            .. CheckpointNames.Match(dir, shards, new ParameterLayout(config)).Remarks,
        ];
        string head = config.Architecture.NameOf(Role.HeadWeight);
        if (config.TiedHead || !ReadConfigFile(dir, Architecture.Known).TiedHead)
            return remarks;
        return [$"{Quoted.Path(dir)}: {head} differs from the token embedding, to which "
            + (SaysTied(dir, config.Architecture.Config) ? "config.json ties it"
                : $"it is tied where config.json has no {config.Architecture.Config.TiedHead}")
            + "; the head of the file is used", .. remarks];
    }

    static bool SaysTied(string dir, ConfigKeys keys)
    {
        string path = Path.Combine(dir, ConfigFile);
        using JsonDocument json = InputFile.ReadJsonObject(path);
        return new JsonFields(path, json.RootElement).Has(keys.TiedHead);
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
    /// <exception cref="UserException">The weights are missing or damaged, do not fit the config, or a number
    /// is not finite.</exception>
    public static void ReadParameters(string dir, ModelConfig config, ParameterDestination destination)
    {
        using SafetensorsShards shards = SafetensorsShards.Open(WeightFiles.Find(dir));
        var nonfinite = new NonfiniteTensors(shards);
        foreach ((ParameterSlice slice, string? name) in CheckpointNames.Match(
            dir, shards, new ParameterLayout(config)).Parameters)
            Read(nonfinite, name, slice, config, destination(slice));
        nonfinite.Require(null);
    }

    /// <summary>Reads every parameter in pieces of at most 256 Ki elements, for memory that is not a span.
    /// One
    /// that the checkpoint stores in another order comes in one piece.</summary>
    /// <param name="dir">The folder.</param>
    /// <param name="config">The model's sizes.</param>
    /// <param name="sink">Takes the pieces.</param>
    /// <param name="nonfinite">Told in one line which numbers are NaN or infinite; null refuses them.</param>
    /// <exception cref="UserException">The weights are missing or damaged, do not fit the config, or a number
    /// is not finite.</exception>
    public static void ReadPieces(
        string dir, ModelConfig config, ParameterSink sink, Action<string>? nonfinite = null)
    {
        using SafetensorsShards shards = SafetensorsShards.Open(WeightFiles.Find(dir));
        var bad = new NonfiniteTensors(shards);
        float[] piece = new float[PieceLength];
        foreach ((ParameterSlice slice, string? name) in CheckpointNames.Match(
            dir, shards, new ParameterLayout(config)).Parameters)
        {
            if (name is null)
            {
                sink(slice, 0, new float[slice.Length]);
                continue;
            }
            if (slice.Stored != StoredForm.AsInMemory) // rearranged as a whole
            {
                float[] whole = new float[slice.Length];
                Read(bad, name, slice, config, whole);
                sink(slice, 0, whole);
                continue;
            }
            for (long start = 0; start < slice.Length; start += PieceLength)
            {
                Span<float> values = piece.AsSpan(0, (int)Math.Min(PieceLength, slice.Length - start));
                bad.Read(name, start, values);
                sink(slice, start, values);
            }
        }
        bad.Require(nonfinite);
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
        writer.Save(Path.Combine(dir, WeightFiles.One));
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
        WeightFiles.RequireFolder(from);
        if (Path.GetFullPath(from) == Path.GetFullPath(to))
            return;
        foreach (string file in TokenizerFiles)
            if (File.Exists(Path.Combine(from, file)))
            {
                using FileStream source = InputFile.Open(Path.Combine(from, file));
                AtomicFile.Write(Path.Combine(to, file), source.CopyTo);
            }
    }

    /// <summary>
    /// What names a model in manifests, in small hexadecimal letters: <see cref="WeightsHash"/>, or where
    /// <c>config.json</c> asks for another computation than GPT-2's of those weights (its heads,
    /// nonlinearity,
    /// epsilon, scales) SHA-256 over that and these values (docs/design/0014).
    /// </summary>
    /// <exception cref="UserException">The weights are missing or cannot be read.</exception>
    public static string Hash(string dir)
    {
        string weights = WeightsHash(dir);
        return File.Exists(Path.Combine(dir, ConfigFile))
            ? ModelHash.Of(weights, ReadConfigFile(dir, Architecture.Known)) : weights;
    }

    /// <summary>SHA-256 of the weights in small hexadecimal letters: of the one file, or of all files of an
    /// index in order of their names, one after the other (<c>cat model-*.safetensors |
    /// sha256sum</c>).</summary>
    /// <exception cref="UserException">The weights are missing or cannot be read.</exception>
    public static string WeightsHash(string dir)
    {
        using SafetensorsShards shards = SafetensorsShards.Open(WeightFiles.Find(dir));
        return FileHash.Sha256(shards.Files);
    }

    /// <summary>Checks config and headers of the weights against each other, without reading a
    /// number.</summary>
    /// <exception cref="UserException">Something is missing, damaged or does not fit.</exception>
    public static void Check(string dir)
    {
        var parameters = new ParameterLayout(ReadConfig(dir));
        using SafetensorsShards shards = SafetensorsShards.Open(WeightFiles.Find(dir));
        CheckpointNames.Match(dir, shards, parameters);
    }

    static ModelConfig ReadConfigFile(string dir, IReadOnlyList<Architecture> known)
    {
        WeightFiles.RequireFolder(dir);
        string path = Path.Combine(dir, ConfigFile);
        if (!File.Exists(path) && WeightFiles.InFolder(dir) is null
            && TrainingRecord.WithoutWeights(dir) is { } begun)
            throw new UserException(begun);
        // A folder of another program has neither; its weights say more than the missing config.
        if (!File.Exists(path) && WeightFiles.InFolder(dir) is null && WeightFiles.Others(dir) is { } others)
            throw new UserException(others);
        return ModelConfig.Read(path, known);
    }

    static void Read(NonfiniteTensors tensors, string? name, ParameterSlice slice, ModelConfig config,
        Span<float> destination)
    {
        if (name is null)
        {
            destination.Clear();
            return;
        }
        if (slice.Stored == StoredForm.AsInMemory)
        {
            tensors.Read(name, 0, destination);
            return;
        }
        float[] stored = new float[slice.Length];
        tensors.Read(name, 0, stored);
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
}
