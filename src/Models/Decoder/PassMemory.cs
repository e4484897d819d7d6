using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// Memory that only some passes need, because of what is attached to them: cut on demand, kept until the next
/// pass begins. A pass without edits takes none.
/// </summary>
sealed class PassMemory(ComputeDevice device) : IDisposable
{
    readonly List<TensorArena> _arenas = [];

    internal Tensor Cut(string name, params ReadOnlySpan<int> shape)
    {
        var arena = new TensorArena(device, Tensor.Product(shape), name);
        _arenas.Add(arena);
        return arena.Cut(name, shape);
    }

    internal void Clear()
    {
        foreach (TensorArena arena in _arenas)
            arena.Dispose();
        _arenas.Clear();
    }

    /// <inheritdoc/>
    public void Dispose() => Clear();
}
