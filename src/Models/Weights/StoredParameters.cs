using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// The parameters of a model folder, read from its files in any order and in parts of any length, so that a
/// job over several models holds none of them: what was read does not stay resident. Several threads may
/// read.
/// </summary>
public sealed class StoredParameters : IDisposable
{
    readonly SafetensorsShards _shards;
    readonly Dictionary<string, string?> _tensors;
    readonly Lock _turn = new();
    string? _wholeName; // of the parameter last rearranged
    float[] _whole = [];

    /// <summary>Opens a folder and checks the headers of its weights; no number is read.</summary>
    /// <exception cref="UserException">The weights are missing or damaged, or do not fit the
    /// config.</exception>
    public StoredParameters(string dir)
    {
        Config = ModelFolder.ReadConfig(dir);
        Layout = new ParameterLayout(Config);
        _shards = SafetensorsShards.Open(WeightFiles.Find(dir), mapped: false);
        try
        {
            _tensors = CheckpointNames.Match(dir, _shards, Layout).Parameters
                .ToDictionary(p => p.Slice.Name, p => p.Tensor);
        }
        catch
        {
            _shards.Dispose();
            throw;
        }
    }

    /// <summary>The model's sizes.</summary>
    public ModelConfig Config { get; }

    /// <summary>Its parameters.</summary>
    public ParameterLayout Layout { get; }

    /// <summary>Reads numbers of a parameter from <paramref name="start"/> on, as they lie in
    /// memory.</summary>
    /// <exception cref="UserException">One of them is NaN or infinite; the line names file, tensor and
    /// index.</exception>
    public void Read(ParameterSlice slice, long start, Span<float> to)
    {
        ArgumentNullException.ThrowIfNull(slice);
        if (_tensors[slice.Name] is not { } tensor)
        {
            to.Clear(); // the file leaves it out, and it is 0
            return;
        }
        if (slice.Stored == StoredForm.AsInMemory)
        {
            _shards.Read(tensor, start, to);
            RequireFinite(tensor, to);
            return;
        }
        lock (_turn)
        {
            if (_wholeName != slice.Name)
            {
                float[] stored = new float[slice.Length];
                _shards.Read(tensor, stored);
                RequireFinite(tensor, stored);
                StoredForms.ToMemory(slice, Config.Heads, stored, _whole = new float[slice.Length]);
                _wholeName = slice.Name;
            }
            _whole.AsSpan((int)start, to.Length).CopyTo(to);
        }
    }

    /// <summary>Closes the files.</summary>
    public void Dispose() => _shards.Dispose();

    void RequireFinite(string tensor, ReadOnlySpan<float> values)
    {
        if (!FiniteNumbers.All(values))
            throw new UserException($"{_shards.NonFinite(tensor)}. Fetch or train the model again.");
    }
}
