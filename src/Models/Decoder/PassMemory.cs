using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// Memory that only some passes need, such as those with edits: cut on demand, kept until the next pass
/// begins.
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
