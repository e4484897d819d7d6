
namespace HeadTap.OpCases;

/// <summary>What an op does with a tensor.</summary>
public enum TensorUse
{
    /// <summary>Read only; the tests check that it keeps its contents.</summary>
    Input,

    /// <summary>Written whole; it starts as NaN.</summary>
    Output,

    /// <summary>Added into; it starts as ones, and the oracle gives what is added.</summary>
    Sum,

    /// <summary>Changed in place by the op and by the oracle.</summary>
    State,

    /// <summary>Needed by the op and not compared.</summary>
    Scratch,
}

/// <summary>One tensor of an op: name, shape, first contents and use.</summary>
/// <param name="Name">The parameter's name in <c>Ops</c>.</param>
/// <param name="Use">What the op does with it.</param>
/// <param name="Shape">Extents.</param>
/// <param name="Floats">First contents of a float tensor.</param>
/// <param name="Ids">First contents of an index tensor.</param>
/// <param name="Exactness">The rule for its result; null for the case's rule.</param>
public sealed record OpTensor(
    string Name, TensorUse Use, int[] Shape, float[]? Floats, int[]? Ids, Exactness? Exactness);

/// <summary>The tensors and numbers of an op at one shape.</summary>
public sealed class OpData
{
    readonly List<OpTensor> _tensors = [];

    /// <summary>Every tensor, in the order of declaration.</summary>
    public IReadOnlyList<OpTensor> Tensors => _tensors;

    /// <summary>
    /// Numbers that the op returns, each with a value that stands beside it: sums that cancel to nothing are
    /// measured against it.
    /// </summary>
    public Dictionary<string, double> Numbers { get; } = [];

    /// <summary>Floats that the case cuts by itself.</summary>
    public long Spare { get; set; }

    /// <summary>A tensor that is read.</summary>
    public void Input(string name, float[] values, params int[] shape)
        => Add(name, TensorUse.Input, shape, values);

    /// <summary>Indices that are read.</summary>
    public void Indices(string name, int[] values, params int[] shape)
        => _tensors.Add(new(name, TensorUse.Input, shape.Length == 0 ? [values.Length] : shape, null, values,
            null));

    /// <summary>A tensor that is written whole.</summary>
    public void Output(string name, params int[] shape)
        => Add(name, TensorUse.Output, shape, Filled(shape, float.NaN));

    /// <summary>A tensor that is written whole, under a rule of its own.</summary>
    public void Output(string name, Exactness rule, params int[] shape)
        => _tensors.Add(new(name, TensorUse.Output, shape, Filled(shape, float.NaN), null, rule));

    /// <summary>Indices that are written whole.</summary>
    public void IndexOutput(string name, params int[] shape)
        => _tensors.Add(new(name, TensorUse.Output, shape, null,
            [.. Enumerable.Repeat(int.MinValue, Count(shape))], null));

    /// <summary>A tensor that is added into; it starts as ones.</summary>
    public void Sum(string name, params int[] shape) => Add(name, TensorUse.Sum, shape, Filled(shape, 1f));

    /// <summary>A tensor that is changed in place.</summary>
    public void State(string name, float[] values, params int[] shape)
        => Add(name, TensorUse.State, shape, values);

    /// <summary>A tensor that is not compared; it starts as NaN.</summary>
    public void Scratch(string name, params int[] shape)
        => Add(name, TensorUse.Scratch, shape, Filled(shape, float.NaN));

    /// <summary>Indices that are not compared; they start as zeros.</summary>
    public void ScratchIndices(string name, params int[] shape)
        => _tensors.Add(new(name, TensorUse.Scratch, shape, null, new int[Count(shape)], null));

    /// <summary>Normal values; from a million on the same ones come again.</summary>
    public static float[] Normal(int seed, long count, float mean = 0f, float deviation = 1f)
    {
        float[] some = HeadTap.Kernels.Tests.Numbers.Normal(
            seed, (int)Math.Min(count, 1 << 20), mean, deviation);
        if (count <= some.Length)
            return some;
        float[] values = new float[count];
        for (int at = 0; at < values.Length; at += some.Length)
            some.AsSpan(0, Math.Min(some.Length, values.Length - at)).CopyTo(values.AsSpan(at));
        return values;
    }

    void Add(string name, TensorUse use, int[] shape, float[] values)
        => _tensors.Add(new(name, use, shape.Length == 0 ? [values.Length] : shape, values, null, null));

    static int Count(int[] shape) => shape.Aggregate(1, (a, b) => a * b);

    static float[] Filled(int[] shape, float value) => [.. Enumerable.Repeat(value, Count(shape))];
}
