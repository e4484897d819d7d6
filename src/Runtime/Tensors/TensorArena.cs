using System.Runtime.InteropServices;
using ILGPU;
using ILGPU.Runtime;

namespace HeadTap.Runtime;

/// <summary>
/// One device allocation, zeroed, cut into tensors in the order they are asked for. Disposing the arena
/// ends all of them; there is no other way to free device memory in this repository.
/// </summary>
public sealed unsafe class TensorArena : IDisposable
{
    const int AlignedTo = 16; // floats: a cache line, so rows of two tensors never share one

    readonly ComputeDevice _device;
    readonly MemoryBuffer1D<float, Stride1D.Dense>? _buffer;
    readonly void* _block;
    readonly float* _start;
    readonly bool _measuring;
    long _used;
    bool _disposed;

    /// <summary>Allocates and zeroes room for <paramref name="capacity"/> floats (or ints).</summary>
    /// <exception cref="UserException">The device has not that much memory.</exception>
    public TensorArena(ComputeDevice device, long capacity, string purpose = "arena")
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentOutOfRangeException.ThrowIfNegative(capacity);
        _device = device;
        Capacity = Math.Max(capacity, AlignedTo);
        long bytes = Capacity * sizeof(float);
        MemoryPlan.Require(device, purpose, bytes);
        if (device.IsHost)
        {
            // calloc: pages come zeroed from the system when they are first touched.
            _block = NativeMemory.AllocZeroed((nuint)(bytes + 64));
            _start = (float*)(((nuint)_block + 63) & ~(nuint)63);
            LargePages.Ask(_block, bytes);
        }
        else
        {
            try
            {
                _buffer = device.Accelerator!.Allocate1D<float>(Capacity);
            }
            catch (Exception e) when (DriverFailure.IsMemory(e))
            {
                throw MemoryPlan.Refused(device, purpose, bytes, e);
            }
            _buffer.MemSetToZero();
        }
        device.Account(bytes);
    }

    TensorArena(ComputeDevice device)
    {
        _device = device;
        _measuring = true;
        Capacity = long.MaxValue;
    }

    /// <summary>Floats that the arena has room for.</summary>
    public long Capacity { get; }

    /// <summary>The device that owns the memory.</summary>
    public ComputeDevice Device => _device;

    /// <summary>
    /// Floats that <paramref name="cuts"/> takes from an arena, found by running it on one without memory.
    /// The tensors it cuts there may be named and shaped but not used.
    /// </summary>
    public static long Measure(ComputeDevice device, Action<TensorArena> cuts)
    {
        ArgumentNullException.ThrowIfNull(cuts);
        using var arena = new TensorArena(device);
        cuts(arena);
        return arena._used;
    }

    /// <summary>Cuts the next tensor; it begins at a multiple of 16 floats.</summary>
    public Tensor Cut(string name, params ReadOnlySpan<int> shape)
    {
        long length = Tensor.Product(shape);
        long at = Take(name, length);
        return new Tensor(_device, name, shape.ToArray(), length,
            _start == null ? null : _start + at,
            _buffer is null ? ArrayView<float>.Empty : _buffer.View.SubView(at, length).AsContiguous());
    }

    /// <summary>Cuts the next tensor of whole numbers.</summary>
    public IndexTensor CutIndices(string name, params ReadOnlySpan<int> shape)
    {
        long length = Tensor.Product(shape);
        long at = Take(name, length);
        return new IndexTensor(_device, name, shape.ToArray(), length,
            _start == null ? null : (int*)(_start + at),
            _buffer is null ? ArrayView<int>.Empty
                : _buffer.View.SubView(at, length).Cast<float, int>().AsContiguous());
    }

    /// <summary>Cuts the next tensor and fills it from the host.</summary>
    public Tensor Upload(string name, ReadOnlySpan<float> values, params ReadOnlySpan<int> shape)
    {
        Tensor tensor = Cut(name, shape);
        tensor.Upload(values);
        return tensor;
    }

    /// <summary>Cuts the next tensor of whole numbers and fills it from the host.</summary>
    public IndexTensor UploadIndices(string name, ReadOnlySpan<int> values, params ReadOnlySpan<int> shape)
    {
        IndexTensor tensor = CutIndices(name, shape.IsEmpty ? [values.Length] : shape);
        tensor.Upload(values);
        return tensor;
    }

    /// <summary>
    /// Forgets the cuts, so the memory can be cut again. What it holds stays as it is, not zero.
    /// </summary>
    public void Reset() => _used = 0;

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_disposed || _measuring)
            return;
        _disposed = true;
        _buffer?.Dispose();
        NativeMemory.Free(_block);
        _device.Account(-Capacity * sizeof(float));
    }

    long Take(string name, long length)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        long at = _used;
        if (at + length > Capacity)
            throw new InvalidOperationException(
                $"{name} needs {length} floats; {Capacity - at} of {Capacity} are left.");
        long end = at + (length + AlignedTo - 1) / AlignedTo * AlignedTo;
        _used = Math.Min(end, Math.Max(Capacity, at + length));
        return at;
    }
}
