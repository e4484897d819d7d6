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

    readonly MergeConfig _config;
    readonly StoredParameters[] _parents;
    readonly StoredParameters? _base;

    /// <summary>Opens the parents and checks that they fit together; no number is read.</summary>
    /// <exception cref="UserException">A parent is missing or damaged, or differs in its sizes.</exception>
    public MergeRun(MergeConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        _config = config;
        List<StoredParameters> opened = [];
        try
        {
            foreach (MergeParent parent in config.Models)
                opened.Add(new StoredParameters(parent.Folder));
            _parents = [.. opened];
            if (config.Method.Base != BaseUse.None && config.BaseModel is { } folder)
                opened.Add(_base = new StoredParameters(folder));
            for (int i = 1; i < opened.Count; i++)
                if (SameShape.Problem(opened[0].Config, opened[i].Config) is { } problem)
                    throw new UserException($"{Quoted.Path(Folder(i))} does not fit "
                        + $"{Quoted.Path(Folder(0))}: {problem}");
        }
        catch
        {
            foreach (StoredParameters one in opened)
                one.Dispose();
            throw;
        }
    }

    /// <summary>Parameters of the model that is written.</summary>
    public long Parameters => _parents[0].Layout.TotalLength;

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
        string tokenizer = _config.TokenizerSource ?? _config.BaseModel ?? _config.Models[0].Folder;
        ModelConfig config = (_base ?? _parents[0]).Config;
        int last = Math.Max(1, config.Layers - 1);
        ParameterSlice? current = null;
        ITensorMerge? merge = null;
        AtomicFolder.Write(folder, temporary =>
        {
            ModelFolder.Write(temporary, config, (slice, start, piece) =>
            {
                cancellation.ThrowIfCancellationRequested();
                if (current != slice)
                {
                    merge = _config.Method.Open(new Parent(this, slice),
                        _config.For(slice.Name, Depth(slice, last)));
                    current = slice;
                }
                InParts(merge!, start, piece);
                progress?.Invoke((double)(slice.Offset + start + piece.Length) / Parameters);
            }, Dtype(), tokenizer);
            finish?.Invoke(temporary);
        });
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (StoredParameters parent in _parents)
            parent.Dispose();
        _base?.Dispose();
    }

    // Embeddings come before the layers; what has no layer and is no embedding comes after them.
    static double Depth(ParameterSlice slice, int last) => slice.Layer >= 0 ? (double)slice.Layer / last
        : slice.Role is Role.TokenEmbedding or Role.PositionEmbedding ? 0 : 1;

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

    string Folder(int opened)
        => opened < _config.Models.Count ? _config.Models[opened].Folder : _config.BaseModel!;

    SafetensorsDtype Dtype() => _config.Dtype switch
    {
        "float16" => SafetensorsDtype.F16,
        "bfloat16" => SafetensorsDtype.BF16,
        _ => SafetensorsDtype.F32,
    };

    sealed class Parent(MergeRun run, ParameterSlice slice) : ParentTensor
    {
        public override string Name => slice.Name;

        public override IReadOnlyList<int> Shape => slice.Shape;

        public override int Models => run._parents.Length;

        public override bool HasBase => run._base is not null;

        public override void Read(int model, long start, Span<float> to)
            => run._parents[model].Read(run._parents[model].Layout[slice.Name], start, to);

        public override void ReadBase(long start, Span<float> to)
            => run._base!.Read(run._base.Layout[slice.Name], start, to);
    }
}
