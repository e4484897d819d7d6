using System.Runtime.CompilerServices;
using HeadTap.Kernels;
using ILGPU;
using ILGPU.Runtime;

namespace HeadTap.Runtime;

// Edits change columns [column, column + width) of the rows of x that rowIds lists. Listed rows are distinct:
// two edits of one row in one call would race. A row id of -1 is skipped, so a list may be padded.
public sealed unsafe partial class Ops
{
    Action<KernelConfig, ArrayView<int>, ArrayView<float>, ArrayView<float>, int, int, int, int, float>?
        _editAdd;
    Action<KernelConfig, ArrayView<int>, ArrayView<float>, ArrayView<float>, int, int,
        int, int>? _editReplace;
    Action<KernelConfig, ArrayView<int>, ArrayView<float>, int, int, int, float>? _editScale;
    Action<KernelConfig, ArrayView<int>, ArrayView<float>, ArrayView<float>, int, int, int, float>?
        _editProjectOut;
    Action<KernelConfig, ArrayView<int>, ArrayView<float>, ArrayView<float>, int, int>? _editMean;

    /// <summary>Adds <c>alpha * values</c> into the columns of the listed rows.</summary>
    /// <param name="rowIds">[n], distinct; -1 is skipped.</param>
    /// <param name="values">[width], the same for every row, or [n, width], one for each listed row.</param>
    /// <param name="x">[..., stride], edited in place.</param>
    /// <param name="column">The first column edited.</param>
    /// <param name="alpha">The factor.</param>
    /// <exception cref="ArgumentException">A shape does not fit, or on the host path a row id.</exception>
    public void EditAdd(IndexTensor rowIds, Tensor values, Tensor x, int column, float alpha)
    {
        int width = values.Columns, step = RequireValues(x, rowIds, column, values);
        if (!CountOp(rowIds.Length * width))
            return;
        int n = (int)rowIds.Length;
        if (Host)
            EditHost.Add(rowIds.Pointer, values.Pointer, x.Pointer, n, x.Columns, column, width, step, alpha);
        else
            (_editAdd ??= Gpu.LoadStreamKernel<ArrayView<int>, ArrayView<float>, ArrayView<float>,
                int, int, int, int, float>(EditKernels.Add))((n, EditKernels.BlockSize),
                rowIds.View, values.View, x.View, x.Columns, column, width, step, alpha);
    }

    /// <summary>
    /// Writes values over the columns of the listed rows; arguments as <see cref="EditAdd"/>.
    /// </summary>
    /// <exception cref="ArgumentException">A shape does not fit, or on the host path a row id.</exception>
    public void EditReplace(IndexTensor rowIds, Tensor values, Tensor x, int column)
    {
        int width = values.Columns, step = RequireValues(x, rowIds, column, values);
        if (!CountOp(rowIds.Length * width))
            return;
        int n = (int)rowIds.Length;
        if (Host)
            EditHost.Replace(rowIds.Pointer, values.Pointer, x.Pointer, n, x.Columns, column, width, step);
        else
            (_editReplace ??= Gpu.LoadStreamKernel<ArrayView<int>, ArrayView<float>, ArrayView<float>,
                int, int, int, int>(EditKernels.Replace))((n, EditKernels.BlockSize),
                rowIds.View, values.View, x.View, x.Columns, column, width, step);
    }

    /// <summary>Multiplies the columns of the listed rows by factor; 0 writes zeros, over NaN too.</summary>
    /// <exception cref="ArgumentException">A shape does not fit, or on the host path a row id.</exception>
    public void EditScale(IndexTensor rowIds, Tensor x, int column, int width, float factor)
    {
        RequireEdit(x, rowIds, column, width);
        if (!CountOp(rowIds.Length * width))
            return;
        int n = (int)rowIds.Length;
        if (Host)
            EditHost.Scale(rowIds.Pointer, x.Pointer, n, x.Columns, column, width, factor);
        else
            (_editScale ??= Gpu.LoadStreamKernel<ArrayView<int>, ArrayView<float>, int, int, int, float>(
                EditKernels.Scale))((n, EditKernels.BlockSize),
                rowIds.View, x.View, x.Columns, column, width, factor);
    }

    /// <summary>
    /// Takes the part along a direction out of the columns of the listed rows: <c>x -= strength * (x . u)
    /// u</c>.
    /// </summary>
    /// <param name="rowIds">[n], distinct; -1 is skipped.</param>
    /// <param name="direction">[width], of length 1: the caller has divided by its norm.</param>
    /// <param name="x">[..., stride], edited in place.</param>
    /// <param name="column">The first column edited.</param>
    /// <param name="strength">1 projects out, 2 reflects, 0 changes nothing.</param>
    /// <exception cref="ArgumentException">A shape does not fit, or on the host path a row id.</exception>
    public void EditProjectOut(IndexTensor rowIds, Tensor direction, Tensor x, int column, float strength)
    {
        int width = checked((int)direction.Length);
        RequireEdit(x, rowIds, column, width);
        if (!CountOp(rowIds.Length * width))
            return;
        int n = (int)rowIds.Length;
        if (Host)
            EditHost.ProjectOut(rowIds.Pointer, direction.Pointer, x.Pointer,
                n, x.Columns, column, width, strength);
        else
            (_editProjectOut ??= Gpu.LoadStreamKernel<ArrayView<int>, ArrayView<float>, ArrayView<float>,
                int, int, int, float>(EditKernels.ProjectOut))((n, EditKernels.BlockSize),
                rowIds.View, direction.View, x.View, x.Columns, column, width, strength);
    }

    /// <summary>Writes the mean over the listed rows, and it over the columns of each of them.</summary>
    /// <param name="rowIds">[n], distinct; -1 is skipped and not counted.</param>
    /// <param name="x">[..., stride], edited in place.</param>
    /// <param name="mean">[width]; zeros when no row is listed.</param>
    /// <param name="column">The first column edited.</param>
    /// <param name="width">Columns edited.</param>
    /// <exception cref="ArgumentException">A shape does not fit, or on the host path a row id.</exception>
    public void EditMean(IndexTensor rowIds, Tensor x, Tensor mean, int column, int width)
    {
        RequireEdit(x, rowIds, column, width);
        Require(mean.Length == width, $"{mean} must have {width} values.");
        if (!CountOp(width))
            return;
        if (Host)
            EditHost.Mean(rowIds.Pointer, x.Pointer, mean.Pointer, (int)rowIds.Length,
                x.Columns, column, width);
        else
            (_editMean ??= Gpu.LoadStreamKernel<ArrayView<int>, ArrayView<float>,
                ArrayView<float>, int, int>(EditKernels.Mean))(
                Elements(width), rowIds.View, x.View, mean.View, x.Columns, column);
    }

    void RequireEdit(Tensor x, IndexTensor rowIds, int column, int width, [CallerMemberName] string op = "")
    {
        Require(width >= 0 && column >= 0 && column <= x.Columns - width,
            $"columns {column} to {column + width - 1} are not all in {x}.", op);
        RequireIds(rowIds, x, op);
    }

    /// <summary>Checks an edit with values and returns the step between two rows' values.</summary>
    int RequireValues(
        Tensor x, IndexTensor rowIds, int column, Tensor values, [CallerMemberName] string op = "")
    {
        RequireEdit(x, rowIds, column, values.Columns, op);
        Require(values.Rows == 1 || values.Rows == rowIds.Length,
            $"{values} must be one row, or one for each of {rowIds}.", op);
        return values.Rows == 1 ? 0 : values.Columns;
    }
}
