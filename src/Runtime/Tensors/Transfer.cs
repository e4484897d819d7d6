using ILGPU;
using ILGPU.Runtime;

namespace HeadTap.Runtime;

/// <summary>Copies between the host and a tensor's memory, for every type of element.</summary>
static unsafe class Transfer
{
    /// <summary>Copies from the host; the lengths must agree.</summary>
    /// <param name="values">The source.</param>
    /// <param name="device">The device that owns the memory.</param>
    /// <param name="pointer">Host memory, or null where there is a view.</param>
    /// <param name="view">Device memory.</param>
    /// <param name="length">Elements of the tensor.</param>
    /// <param name="tensor">The tensor, named in the error when the lengths differ.</param>
    internal static void Upload<T>(ReadOnlySpan<T> values, ComputeDevice device,
        T* pointer, ArrayView<T> view,
        long length, object tensor) where T : unmanaged
    {
        RequireLength(values.Length, length, tensor);
        if (pointer != null)
            values.CopyTo(new Span<T>(pointer, values.Length));
        else if (length > 0)
        {
            view.CopyFromCPU(device.Accelerator!.DefaultStream, values);
            device.Synchronize();
        }
    }

    /// <summary>Copies to the host, after all queued work; the rest as in <see cref="Upload"/>.</summary>
    internal static void Download<T>(Span<T> values, ComputeDevice device, T* pointer, ArrayView<T> view,
        long length, object tensor) where T : unmanaged
    {
        RequireLength(values.Length, length, tensor);
        if (pointer != null)
            new Span<T>(pointer, values.Length).CopyTo(values);
        else if (length > 0)
        {
            view.CopyToCPU(device.Accelerator!.DefaultStream, values);
            device.Synchronize();
        }
    }

    static void RequireLength(int given, long length, object tensor)
    {
        if (given != length)
            throw new ArgumentException($"{given} values do not fit {tensor}.");
    }
}
