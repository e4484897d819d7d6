using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// Memory that only some passes need, such as those with edits: cut on demand, kept until the next pass
/// begins.
/// </summary>
sealed class PassMemory(ComputeDevice device) : IDisposable
{
    readonly List<TensorArena> _arenas = [];
    readonly Dictionary<string, Tensor> _kept = [];

    internal Tensor Cut(string name, params ReadOnlySpan<int> shape)
    {
        var arena = new TensorArena(device, Tensor.Product(shape), name);
        _arenas.Add(arena);
        return arena.Cut(name, shape);
    }

    /// <summary>
    /// As <see cref="Cut"/>, for passes back that follow one forward pass: what was cut under this name
    /// serves again, with what it holds.
    /// </summary>
    internal Tensor Keep(string name, params ReadOnlySpan<int> shape)
        => _kept.TryGetValue(name, out Tensor? kept) && kept.Shape.SequenceEqual(shape)
            ? kept : _kept[name] = Cut(name, shape);

    internal void Clear()
    {
        _kept.Clear();
        foreach (TensorArena arena in _arenas)
            arena.Dispose();
        _arenas.Clear();
    }

    /// <inheritdoc/>
    public void Dispose() => Clear();
}
