using System.Runtime.CompilerServices;
using HeadTap.Kernels;
using ILGPU;
using ILGPU.Runtime;

namespace HeadTap.Runtime;

public sealed unsafe partial class Ops
{
    Action<KernelConfig, ArrayView<int>, ArrayView<float>, ArrayView<float>, int, int, int>? _gather;
    Action<KernelConfig, ArrayView<int>, ArrayView<float>, ArrayView<float>, int, int>? _scatterAdd;

    /// <summary>Writes <c>y[r, :] = table[ids[r], :]</c>, or adds it into y.</summary>
    /// <param name="ids">[rows]; -1 is no row: zeros are written, or nothing added.</param>
    /// <param name="table">[V, C]</param>
    /// <param name="y">[rows, C]</param>
    /// <param name="accumulate">True adds into y.</param>
    /// <exception cref="ArgumentException">
    /// A shape does not fit, or on the host path an id is outside the table (GPUs take it as -1).
    /// </exception>
    public void Gather(IndexTensor ids, Tensor table, Tensor y, bool accumulate = false)
    {
        RequireRows(ids, table, y);
        RequireIds(ids, table);
        if (!CountOp(y.Length))
            return;
        if (Host)
            EmbeddingHost.Gather(ids.Pointer, table.Pointer, y.Pointer, y.Rows, y.Columns, accumulate);
        else
            (_gather ??= Gpu.LoadStreamKernel<ArrayView<int>, ArrayView<float>,
                ArrayView<float>, int, int, int>(
                EmbeddingKernels.Gather))((y.Rows, EmbeddingKernels.BlockSize),
                ids.View, table.View, y.View, table.Rows, y.Columns, accumulate ? 1 : 0);
    }

    /// <summary>
    /// Adds <c>dY[r, :]</c> into <c>dTable[ids[r], :]</c>, rows in order: the same bits on every run.
    /// </summary>
    /// <param name="ids">[rows]; -1 is skipped.</param>
    /// <param name="dY">[rows, C]</param>
    /// <param name="dTable">[V, C]</param>
    /// <exception cref="ArgumentException">As <see cref="Gather"/>.</exception>
    public void ScatterAdd(IndexTensor ids, Tensor dY, Tensor dTable)
    {
        RequireRows(ids, dTable, dY);
        RequireIds(ids, dTable);
        if (!CountOp(dY.Length))
            return;
        if (Host)
            EmbeddingHost.ScatterAdd(ids.Pointer, dY.Pointer, dTable.Pointer, dY.Rows, dY.Columns);
        else
            (_scatterAdd ??= Gpu.LoadStreamKernel<ArrayView<int>, ArrayView<float>,
                ArrayView<float>, int, int>(
                EmbeddingKernels.ScatterAdd))((dY.Rows, EmbeddingKernels.BlockSize),
                ids.View, dY.View, dTable.View, dTable.Rows, dY.Columns);
    }

    static void RequireRows(IndexTensor ids, Tensor table, Tensor rows, [CallerMemberName] string op = "")
    {
        Require(rows.Columns == table.Columns, $"{rows} and {table} must have the same last axis.", op);
        Require(ids.Length == rows.Rows, $"{ids} must name a row of {table} for each row of {rows}.", op);
    }

    /// <summary>
    /// Host bodies write through pointers, so ids are checked here; kernels guard each id themselves.
    /// </summary>
    void RequireIds(IndexTensor ids, Tensor table, [CallerMemberName] string op = "")
    {
        if (!Host)
            return;
        int rows = table.Rows;
        for (long i = 0; i < ids.Length; i++)
            Require(ids.Pointer[i] >= -1 && ids.Pointer[i] < rows,
                $"{ids} holds {ids.Pointer[i]} at {i}; {table} has rows 0 to {rows - 1}, and -1 is none.",
                op);
    }
}
