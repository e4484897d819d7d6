using HeadTap.Runtime;

namespace HeadTap.OpCases;

/// <summary>An op's tensors on a device, with guards between them.</summary>
public sealed class OpRun : IDisposable
{
    const int GuardLength = 64;
    const float GuardValue = 12345f;

    readonly OpInstance _instance;
    readonly TensorArena _arena;
    readonly Dictionary<string, Tensor> _floats = [];
    readonly Dictionary<string, IndexTensor> _ids = [];
    readonly List<Tensor> _guards = [];

    /// <summary>Cuts and fills the tensors, then prepares what the op needs.</summary>
    /// <param name="device">Where they are cut.</param>
    /// <param name="instance">The op at one shape.</param>
    /// <param name="isTimed">True for benches: the op is called once in a run.</param>
    public OpRun(ComputeDevice device, OpInstance instance, bool isTimed = false)
    {
        IsTimed = isTimed;
        ArgumentNullException.ThrowIfNull(instance);
        _instance = instance;
        _arena = new TensorArena(
            device, TensorArena.Measure(device, arena => Cut(arena)) + instance.Data.Spare);
        Ops = new Ops(device);
        Cut(_arena);
        Reset();
    }

    /// <summary>The device's ops.</summary>
    public Ops Ops { get; }

    /// <summary>True for benches: a run calls the op once, and what is checked besides is left out.</summary>
    public bool IsTimed { get; }

    /// <summary>Where a case cuts what it declared as spare.</summary>
    public TensorArena Arena => _arena;

    /// <summary>What a case made once and needs in every run.</summary>
    public object? Kept { get; set; }

    /// <summary>A float tensor.</summary>
    public Tensor this[string name] => _floats[name];

    /// <summary>An index tensor.</summary>
    public IndexTensor Indices(string name) => _ids[name];

    /// <summary>Numbers that the op returned.</summary>
    public Dictionary<string, double> Numbers { get; } = [];

    /// <summary>Gives every tensor its first contents again.</summary>
    public void Reset()
    {
        foreach (OpTensor tensor in _instance.Data.Tensors)
        {
            if (tensor.Floats is not null)
                _floats[tensor.Name].Upload(tensor.Floats);
            else
                _ids[tensor.Name].Upload(tensor.Ids);
        }
        foreach (Tensor guard in _guards)
            Ops.Fill(guard, GuardValue);
        _instance.Prepare(this);
    }

    /// <summary>Runs the op once.</summary>
    public void Run() => _instance.Run(this);

    /// <summary>Bits of every result: what two runs must have in common.</summary>
    public IEnumerable<(string Name, int[] Bits)> Bits()
    {
        foreach (OpTensor tensor in _instance.Results)
            yield return (tensor.Name, tensor.Floats is null ? _ids[tensor.Name].ToArray()
                : Array.ConvertAll(_floats[tensor.Name].ToArray(), BitConverter.SingleToInt32Bits));
        foreach ((string name, double value) in Numbers)
        {
            long bits = BitConverter.DoubleToInt64Bits(value);
            yield return (name, [(int)(bits >> 32), (int)bits]);
        }
    }

    /// <summary>Names of inputs that the op changed, and of tensors that it wrote past.</summary>
    public IEnumerable<string> Damage()
    {
        int at = 0;
        foreach (OpTensor tensor in _instance.Data.Tensors)
        {
            if (tensor.Use == TensorUse.Input && !Unchanged(tensor))
                yield return $"{tensor.Name} is read only";
            if (_guards[at++].ToArray().Any(v => v != GuardValue))
                yield return $"the end of {tensor.Name}";
        }
    }

    /// <summary>Frees the tensors.</summary>
    public void Dispose() => _arena.Dispose();

    bool Unchanged(OpTensor tensor) => tensor.Floats is null
        ? _ids[tensor.Name].ToArray().AsSpan().SequenceEqual(tensor.Ids)
        : _floats[tensor.Name].ToArray().AsSpan().SequenceEqual(tensor.Floats);

    void Cut(TensorArena arena)
    {
        _guards.Clear();
        foreach (OpTensor tensor in _instance.Data.Tensors)
        {
            if (tensor.Floats is not null)
                _floats[tensor.Name] = arena.Cut(tensor.Name, tensor.Shape);
            else
                _ids[tensor.Name] = arena.CutIndices(tensor.Name, tensor.Shape);
            _guards.Add(arena.Cut("guard", GuardLength));
        }
    }
}
