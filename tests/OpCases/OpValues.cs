using System.Numerics;

namespace HeadTap.OpCases;

/// <summary>
/// The contents of an op's tensors on the way through its oracle: float64 for the truth, float32 for the
/// yardstick.
/// </summary>
public sealed class OpValues<T> where T : IFloatingPointIeee754<T>
{
    readonly Dictionary<string, T[]> _floats = [];
    readonly Dictionary<string, int[]> _ids = [];

    internal OpValues(OpData data)
    {
        foreach (OpTensor tensor in data.Tensors.Where(t => t.Use is TensorUse.Input or TensorUse.State))
        {
            if (tensor.Floats is not null)
                _floats[tensor.Name] = Array.ConvertAll(tensor.Floats, v => T.CreateChecked(v));
            else
                _ids[tensor.Name] = [.. tensor.Ids!];
        }
    }

    /// <summary>An input's contents; set for a result. What is added into a tensor is set without what was
    /// there.</summary>
    public T[] this[string name]
    {
        get => _floats.TryGetValue(name, out T[]? values)
            ? values : throw new KeyNotFoundException($"the oracle has no {name}");
        set => _floats[name] = value;
    }

    /// <summary>Contents of an index tensor.</summary>
    public int[] Indices(string name) => _ids[name];

    /// <summary>Gives the result of an index tensor.</summary>
    public void SetIndices(string name, int[] values) => _ids[name] = values;

    /// <summary>Gives a number that the op returns.</summary>
    public void SetNumber(string name, T value) => _floats[name] = [value];
}
