using System.Runtime.CompilerServices;
using HeadTap.Kernels;
using ILGPU;
using ILGPU.Runtime;

namespace HeadTap.Runtime;

public sealed unsafe partial class Ops
{
    Action<KernelConfig, ArrayView<float>, ArrayView<float>, int, int, int>?
        _copyColumns, _writeColumns, _addColumns;

    /// <summary>Writes <c>destination[r, c] = source[r, column + c]</c>.</summary>
    /// <param name="source">[rows, stride]</param>
    /// <param name="destination">[rows, width]</param>
    /// <param name="column">The first column taken.</param>
    /// <exception cref="ArgumentException">The rows differ, or the columns do not fit.</exception>
    public void CopyColumns(Tensor source, Tensor destination, int column)
    {
        RequireColumns(source, column, destination);
        if (!CountOp(destination.Length))
            return;
        int width = destination.Columns;
        if (Host)
            ColumnHost.Copy(source.Pointer, destination.Pointer, source.Rows, source.Columns, column, width);
        else
            (_copyColumns ??= LoadColumns(ColumnKernels.Copy))((source.Rows, ColumnKernels.BlockSize),
                source.View, destination.View, source.Columns, column, width);
    }

    /// <summary>Writes <c>destination[r, column + c] = source[r, c]</c>; other columns stay.</summary>
    /// <param name="source">[rows, width]</param>
    /// <param name="destination">[rows, stride]</param>
    /// <param name="column">The first column written.</param>
    /// <exception cref="ArgumentException">The rows differ, or the columns do not fit.</exception>
    public void WriteColumns(Tensor source, Tensor destination, int column)
    {
        RequireColumns(destination, column, source);
        if (!CountOp(source.Length))
            return;
        int width = source.Columns;
        if (Host)
            ColumnHost.Write(
                source.Pointer, destination.Pointer, source.Rows, destination.Columns, column, width);
        else
            (_writeColumns ??= LoadColumns(ColumnKernels.Write))((source.Rows, ColumnKernels.BlockSize),
                source.View, destination.View, destination.Columns, column, width);
    }

    /// <summary>Adds <c>source[r, c]</c> into <c>destination[r, column + c]</c>.</summary>
    /// <param name="source">[rows, width]</param>
    /// <param name="destination">[rows, stride]</param>
    /// <param name="column">The first column added to.</param>
    /// <exception cref="ArgumentException">The rows differ, or the columns do not fit.</exception>
    public void AddColumns(Tensor source, Tensor destination, int column)
    {
        RequireColumns(destination, column, source);
        if (!CountOp(source.Length))
            return;
        int width = source.Columns;
        if (Host)
            ColumnHost.Add(
                source.Pointer, destination.Pointer, source.Rows, destination.Columns, column, width);
        else
            (_addColumns ??= LoadColumns(ColumnKernels.Add))((source.Rows, ColumnKernels.BlockSize),
                source.View, destination.View, destination.Columns, column, width);
    }

    Action<KernelConfig, ArrayView<float>, ArrayView<float>, int, int, int> LoadColumns(
        Action<ArrayView<float>, ArrayView<float>, int, int, int> kernel)
        => Gpu.LoadStreamKernel(kernel);

    static void RequireColumns(Tensor wide, int column, Tensor narrow, [CallerMemberName] string op = "")
    {
        Require(narrow.Rows == wide.Rows, $"{narrow} and {wide} must have the same rows.", op);
        Require(column >= 0 && column <= wide.Columns - narrow.Columns,
            $"columns {column} to {column + narrow.Columns - 1} ({narrow}) are not all in {wide}.", op);
    }
}
