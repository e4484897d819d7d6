using HeadTap.Kernels;
using ILGPU;
using ILGPU.Runtime;

namespace HeadTap.Runtime;

public sealed unsafe partial class Ops
{
    // Groups of a grid over elements: enough to fill any GPU; ElementLoop steps over the rest.
    const int MostElementGroups = 1 << 16;

    Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>>? _add, _multiply, _maskedCopy;
    Action<KernelConfig, ArrayView<float>, ArrayView<float>, float>? _axpy;
    Action<KernelConfig, ArrayView<float>, float>? _scale, _fill;

    /// <summary>Writes <c>y = a + b</c>; y may be either.</summary>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public void Add(Tensor a, Tensor b, Tensor y)
    {
        Require(b.Length == a.Length && y.Length == a.Length, $"{b} and {y} must have the length of {a}.");
        if (!CountOp(y.Length))
            return;
        if (Host)
            ElementwiseHost.Add(a.Pointer, b.Pointer, y.Pointer, y.Length);
        else
            (_add ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>>(
                ElementwiseKernels.Add))(Elements(y.Length), a.View, b.View, y.View);
    }

    /// <summary>Adds x into y: <c>y += x</c>.</summary>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public void AddInto(Tensor x, Tensor y) => Add(y, x, y);

    /// <summary>Adds <c>alpha * x</c> into y.</summary>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public void Axpy(Tensor x, Tensor y, float alpha)
    {
        Require(y.Length == x.Length, $"{y} must have the length of {x}.");
        if (!CountOp(y.Length))
            return;
        if (Host)
            ElementwiseHost.Axpy(x.Pointer, y.Pointer, y.Length, alpha);
        else
            (_axpy ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<float>, float>(
                ElementwiseKernels.Axpy))(Elements(y.Length), x.View, y.View, alpha);
    }

    /// <summary>Writes <c>y = a * b</c>, element by element; y may be either.</summary>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public void Multiply(Tensor a, Tensor b, Tensor y)
    {
        Require(b.Length == a.Length && y.Length == a.Length, $"{b} and {y} must have the length of {a}.");
        if (!CountOp(y.Length))
            return;
        if (Host)
            ElementwiseHost.Multiply(a.Pointer, b.Pointer, y.Pointer, y.Length);
        else
            (_multiply ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>>(
                ElementwiseKernels.Multiply))(Elements(y.Length), a.View, b.View, y.View);
    }

    /// <summary>
    /// Multiplies x by factor, in place. NaN times 0 stays NaN: to forget values, use Fill.
    /// </summary>
    public void Scale(Tensor x, float factor)
    {
        if (!CountOp(x.Length))
            return;
        if (Host)
            ElementwiseHost.Scale(x.Pointer, x.Length, factor);
        else
            (_scale ??= Gpu.LoadStreamKernel<ArrayView<float>, float>(ElementwiseKernels.Scale))(
                Elements(x.Length), x.View, factor);
    }

    /// <summary>Writes value everywhere.</summary>
    public void Fill(Tensor x, float value)
    {
        if (!CountOp(x.Length))
            return;
        if (Host)
            ElementwiseHost.Fill(x.Pointer, x.Length, value);
        else
            (_fill ??= Gpu.LoadStreamKernel<ArrayView<float>, float>(ElementwiseKernels.Fill))(
                Elements(x.Length), x.View, value);
    }

    /// <summary>
    /// Writes destination = source, on the device; they are the same memory or do not overlap.
    /// </summary>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public void Copy(Tensor source, Tensor destination)
    {
        Require(destination.Length == source.Length, $"{destination} must have the length of {source}.");
        if (!CountOp(source.Length))
            return;
        if (Host)
            ElementwiseHost.Copy(source.Pointer, destination.Pointer, source.Length);
        else if (Place(source) != Place(destination)) // OpenCL refuses a copy onto itself
            source.View.CopyTo(Gpu.DefaultStream, destination.View);
    }

    /// <summary>
    /// Writes destination = source where mask is not 0, and leaves the rest of destination.
    /// </summary>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public void MaskedCopy(Tensor source, Tensor mask, Tensor destination)
    {
        Require(mask.Length == source.Length && destination.Length == source.Length,
            $"{mask} and {destination} must have the length of {source}.");
        if (!CountOp(source.Length))
            return;
        if (Host)
            ElementwiseHost.MaskedCopy(source.Pointer, mask.Pointer, destination.Pointer, source.Length);
        else
            (_maskedCopy ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>>(
                ElementwiseKernels.MaskedCopy))(
                Elements(source.Length), source.View, mask.View, destination.View);
    }

    // Not an address: OpenCL's is a handle and an offset added up.
    static (MemoryBuffer, long) Place(Tensor tensor)
    {
        IContiguousArrayView view = tensor.View;
        return (view.Buffer, view.Index);
    }

    // The launch of a kernel with ColumnGroup.
    static KernelConfig Columns(int columns) => (ColumnGroup.Groups(columns), ColumnGroup.BlockSize);

    static KernelConfig Elements(long length)
        => ((int)Math.Min((length - 1) / ElementLoop.BlockSize + 1, MostElementGroups),
            ElementLoop.BlockSize);
}
