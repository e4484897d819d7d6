using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// <see cref="EditOperation.Swap"/> on the device: <c>x + alpha &lt;x, s&gt; (t - s)</c> with s and t of
/// length 1, and its transpose <c>dX + alpha &lt;dX, t - s&gt; s</c>.
/// </summary>
sealed class DirectionSwap
{
    readonly IndexTensor _ids;
    readonly Tensor _from, _change; // [C]: s, t - s
    readonly Tensor _rows, _along, _added; // [n, C], [n, 1], [n, C]
    readonly float _alpha;

    /// <param name="arena">Has room for <see cref="Floats"/>.</param>
    /// <param name="ids">[n]: the edited rows.</param>
    /// <param name="from">[C]: s.</param>
    /// <param name="to">[C]: t.</param>
    /// <param name="alpha">Strength; 1 swaps all of it.</param>
    internal DirectionSwap(TensorArena arena, IndexTensor ids, float[] from, float[] to, float alpha)
    {
        int n = checked((int)ids.Length), C = from.Length;
        (_ids, _alpha) = (ids, alpha);
        _from = arena.Upload("direction swapped out", from, C);
        _change = arena.Upload("change of direction", [.. to.Zip(from, (t, s) => t - s)], C);
        (_rows, _along) = (arena.Cut("edited rows", n, C), arena.Cut("lengths along a direction", n, 1));
        _added = arena.Cut("what a swap adds", n, C);
    }

    /// <summary>Floats that a swap of n rows takes.</summary>
    internal static long Floats(int n, int C) => 2L * C + n * (2L * C + 1) + 5 * 16;

    internal void Forward(Ops ops, Tensor x) => Add(ops, x, _from, _change);

    internal void Backward(Ops ops, Tensor dX) => Add(ops, dX, _change, _from);

    void Add(Ops ops, Tensor x, Tensor measured, Tensor added)
    {
        int C = x.Columns;
        ops.Gather(_ids, x, _rows);
        ops.MatMul(_rows, measured.Reshape(C, 1), null, _along);
        ops.MatMul(_along, added.Reshape(1, C), null, _added);
        ops.EditAdd(_ids, _added, x, 0, _alpha);
    }
}
