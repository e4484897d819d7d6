using System.Numerics.Tensors;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Merge;

/// <summary>Makes a model folder of several: tensor by tensor, piece by piece, on all cores.</summary>
/// <remarks>
/// Nothing is held but a piece of every parent, and the bits do not depend on threads. The folder takes its
/// name when all of it is written.
/// </remarks>
public sealed class MergeRun : IDisposable
{
    // Of the writer's pieces of 256 Ki numbers each core takes parts of this length.
    const int PartLength = 1 << 14;

    // A tensor of at most so many numbers is held for methods that read it more than once: three models and a
    // base take 64 MB. The arrays are used again for the next tensor; left to the garbage collector they took
    // 500 MB.
    const long HeldLength = 1 << 22;

    readonly List<float[]> _held = [];
    readonly long _heldLength; // of the longest that is held
    readonly MergeConfig _config;
    readonly Dictionary<string, StoredParameters> _opened = [];
    readonly StoredParameters? _base;
    readonly ModelConfig _sizes;

    /// <summary>Opens the parents and checks that they fit together; no number is read.</summary>
    /// <exception cref="UserException">A parent is missing or damaged, or differs in its sizes.</exception>
    public MergeRun(MergeConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        _config = config;
        string[] folders = [.. config.Models.Select(m => m.Folder)];
        if (config.Method.Base != BaseUse.None && config.BaseModel is { } start)
            folders = [.. folders, start];
        try
        {
            foreach (string folder in folders)
                if (!_opened.ContainsKey(folder))
                    _opened[folder] = new StoredParameters(folder);
            foreach (string folder in folders)
                if (SameShape.Problem(_opened[folders[0]].Config, _opened[folder].Config,
                    layers: config.Slices.Count == 0) is { } problem)
                    throw new UserException($"{Quoted.Path(folder)} does not fit "
                        + $"{Quoted.Path(folders[0])}: {problem}");
            foreach (MergeSlice slice in config.Slices)
                RequireLayers(slice);
        }
        catch
        {
            Dispose();
            throw;
        }
        if (folders.Length > config.Models.Count)
            _base = _opened[folders[^1]];
        ModelConfig sizes = (_base ?? _opened[folders[0]]).Config;
        _sizes = config.Slices.Count == 0 ? sizes : sizes with { Layers = config.Slices.Sum(s => s.Layers) };
        var layout = new ParameterLayout(_sizes);
        Parameters = layout.TotalLength;
        IdleFilters = [.. config.Filters.Where(f => !layout.Slices.Any(
            s => s.Name.Contains(f, StringComparison.Ordinal)))];
        _heldLength = layout.Slices.Max(s => s.Length <= HeldLength ? s.Length : 0);
        try
        {
            foreach (ParameterSlice slice in layout.Slices) // a tensor that no filter names has no value
                config.Method.Require(slice.Name, Settings(slice),
                    (SliceOf(slice)?.Models ?? config.Models).Count);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Why numbers of two model folders cannot be put together, place by place, in a line; null if
    /// they can.</summary>
    /// <exception cref="UserException">A folder holds no model.</exception>
    public static string? Misfit(string first, string other)
        => SameShape.Problem(ModelFolder.ReadConfig(first), ModelFolder.ReadConfig(other)) is { } problem
            ? $"{Quoted.Path(other)} does not fit {Quoted.Path(first)}: {problem}" : null;

    /// <summary>Parameters of the model that is written.</summary>
    public long Parameters { get; }

    /// <summary>Filters of the configuration that occur in no tensor's name; their values hold for
    /// nothing.</summary>
    public IReadOnlyList<string> IdleFilters { get; }

    /// <summary>Writes the folder.</summary>
    /// <param name="folder">Its name; nothing of that name exists.</param>
    /// <param name="finish">Adds files to the folder before it takes its name; null for none.</param>
    /// <param name="progress">Told the share of parameters that are written.</param>
    /// <param name="cancellation">Stops the merge; nothing is left.</param>
    /// <exception cref="UserException">The place cannot be written, a number of a parent is not finite, or a
    /// tensor cannot be merged.</exception>
    public void Write(string folder, Action<string>? finish = null, Action<double>? progress = null,
        CancellationToken cancellation = default)
    {
        string[] folders = [.. _config.Models.Select(m => m.Folder)];
        string tokenizer = _config.TokenizerSource ?? folders.Prepend(_config.BaseModel).OfType<string>()
            .FirstOrDefault(ByteBpeTokenizer.ExistsIn) ?? folders[0];
        ParameterSlice? current = null;
        ITensorMerge? merge = null;
        AtomicFolder.Write(folder, temporary =>
        {
            ModelFolder.Write(temporary, _sizes, (slice, start, piece) =>
            {
                cancellation.ThrowIfCancellationRequested();
                if (current != slice)
                {
                    MergeSlice? from = SliceOf(slice);
                    merge = _config.Method.Open(new Parent(this, slice, from), Settings(slice));
                    current = slice;
                }
                InParts(merge!, start, piece);
                RequireFinite(piece, slice.Name);
                progress?.Invoke((double)(slice.Offset + start + piece.Length) / Parameters);
            }, Dtype(), tokenizer);
            finish?.Invoke(temporary);
        });
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (StoredParameters parent in _opened.Values)
            parent.Dispose();
    }

    float[] HeldArray(int index)
    {
        while (_held.Count <= index)
            _held.Add(new float[_heldLength]);
        return _held[index];
    }

    TensorSettings Settings(ParameterSlice slice)
    {
        MergeSlice? from = SliceOf(slice);
        return _config.For(slice.Name, Depth(slice, from), from);
    }

    static void RequireFinite(ReadOnlySpan<float> piece, string tensor)
    {
        if (TensorPrimitives.IsFiniteAll(piece))
            return;
        foreach (float value in piece)
            if (!float.IsFinite(value))
                throw new UserException($"{tensor}: a number of the merge is {value}; expected weights and "
                    + "factors with which the sum fits float32");
    }

    void RequireLayers(MergeSlice slice)
    {
        void Require(string folder, int from)
        {
            int layers = _opened[folder].Config.Layers, end = from + slice.Layers;
            if (end > layers)
                throw new UserException($"layer_range is [{from}, {end}] of {Quoted.Path(folder)}, which has "
                    + $"{Counted.Of(layers, "layer")}");
        }
        for (int m = 0; m < slice.Models.Count; m++)
            Require(slice.Models[m].Folder, slice.From[m]);
        if (_config.Method.Base != BaseUse.None && _config.BaseModel is { } folder)
            Require(folder, slice.BaseFrom);
    }

    static bool IsBefore(ParameterSlice slice)
        => slice.Role is Role.TokenEmbedding or Role.PositionEmbedding;

    // What lies before the layers goes with the first slice, what follows them with the last.
    MergeSlice? SliceOf(ParameterSlice slice) => _config.Slices.Count == 0 ? null
        : slice.Layer < 0 ? _config.Slices[IsBefore(slice) ? 0 : ^1]
        : _config.Slices.Last(s => s.FirstLayer <= slice.Layer);

    double Depth(ParameterSlice slice, MergeSlice? from) => slice.Layer < 0 ? IsBefore(slice) ? 0 : 1
        : from?.Depth(slice.Layer) ?? (double)slice.Layer / Math.Max(1, _sizes.Layers - 1);

    static unsafe void InParts(ITensorMerge merge, long start, Span<float> piece)
    {
        int length = piece.Length, parts = (length + PartLength - 1) / PartLength;
        fixed (float* first = piece)
        {
            float* to = first; // a span cannot be captured; the pin outlives the loop
            Parts.Each(parts, part =>
            {
                int at = (int)part * PartLength;
                merge.Write(start + at, new Span<float>(to + at, Math.Min(PartLength, length - at)));
            });
        }
    }

    SafetensorsDtype Dtype() => _config.Dtype switch
    {
        "float16" => SafetensorsDtype.F16,
        "bfloat16" => SafetensorsDtype.BF16,
        _ => SafetensorsDtype.F32,
    };

    sealed class Parent : ParentTensor
    {
        readonly MergeRun _run;
        readonly ParameterSlice _slice;
        readonly (StoredParameters File, ParameterSlice Slice)[] _models;
        readonly (StoredParameters File, ParameterSlice Slice)? _base;

        internal Parent(MergeRun run, ParameterSlice slice, MergeSlice? from)
        {
            (_run, _slice) = (run, slice);
            (StoredParameters, ParameterSlice) Of(StoredParameters file, int? first)
                => (file, file.Layout[slice.Role, slice.Layer < 0 || from is null ? slice.Layer
                    : slice.Layer - from.FirstLayer + first!.Value]);
            IReadOnlyList<MergeParent> models = from?.Models ?? run._config.Models;
            _models = [.. models.Select((m, i) => Of(run._opened[m.Folder], from?.From[i]))];
            if (run._base is { } file)
                _base = Of(file, from?.BaseFrom);
        }

        public override string Name => _slice.Name;

        public override IReadOnlyList<int> Shape => _slice.Shape;

        public override bool IsLayerMatrix => Shape.Count == 2 && _slice.Role.InBlock();

        public override int Models => _models.Length;

        public override bool HasBase => _base is not null;

        internal override ParentTensor Held()
        {
            if (Length > HeldLength)
                return this;
            float[] All(int index, Action<long, Memory<float>> read)
            {
                float[] all = _run.HeldArray(index);
                Parts.Each((Length + PieceLength - 1) / PieceLength, piece =>
                {
                    int start = (int)piece * PieceLength;
                    read(start, all.AsMemory(start, (int)Math.Min(PieceLength, Length - start)));
                });
                return all;
            }
            return new HeldTensor(Name, Shape,
                [.. Enumerable.Range(0, Models).Select(m => All(m, (at, to) => Read(m, at, to.Span)))],
                HasBase ? All(Models, (at, to) => ReadBase(at, to.Span)) : null);
        }

        public override void Read(int model, long start, Span<float> to)
            => _models[model].File.Read(_models[model].Slice, start, to);

        public override void ReadBase(long start, Span<float> to)
            => _base!.Value.File.Read(_base.Value.Slice, start, to);
    }
}
