using ILGPU;

namespace HeadTap.Runtime;

/// <summary>
/// As <see cref="Tensor"/>, of 32-bit whole numbers: token ids, positions, lengths, targets, rows.
/// </summary>
public sealed unsafe class IndexTensor
{
    readonly int[] _shape;

    internal IndexTensor(ComputeDevice device, string name, int[] shape, long length,
        int* pointer, ArrayView<int> view)
    {
        Device = device;
        Name = name;
        _shape = shape;
        Length = length;
        Pointer = pointer;
        View = view;
    }

    /// <summary>The name in errors.</summary>
    public string Name { get; }

    /// <summary>Extents, outermost first.</summary>
    public ReadOnlySpan<int> Shape => _shape;

    /// <summary>Product of the extents.</summary>
    public long Length { get; }

    /// <summary>The device that owns the memory.</summary>
    public ComputeDevice Device { get; }

    /// <summary>Host memory on <c>cpu</c>, else null.</summary>
    internal int* Pointer { get; }

    /// <summary>Device memory on ILGPU devices, else empty.</summary>
    internal ArrayView<int> View { get; }

    /// <summary>The values themselves, on the host path.</summary>
    internal Span<int> Span => new(Pointer, Tensor.Countable(Length, this));

    /// <summary>A part of the same memory, from element <paramref name="offset"/> on.</summary>
    public IndexTensor Slice(string name, long offset, params ReadOnlySpan<int> shape)
    {
        long length = Tensor.Product(shape);
        if (offset < 0 || offset + length > Length)
            throw new ArgumentException($"{name} [{offset}, {offset + length}) is outside {this}.");
        return new IndexTensor(Device, name, shape.ToArray(), length,
            Pointer == null ? null : Pointer + offset,
            View.IsValid ? View.SubView(offset, length) : View);
    }

    /// <summary>Copies from the host; the lengths must agree.</summary>
    public void Upload(ReadOnlySpan<int> values)
        => Transfer.Upload(values, Device, Pointer, View, Length, this);

    /// <summary>Copies to the host, after all queued work; the lengths must agree.</summary>
    public void Download(Span<int> values)
        => Transfer.Download(values, Device, Pointer, View, Length, this);

    /// <summary>A copy on the host.</summary>
    public int[] ToArray()
    {
        int[] values = new int[Length];
        Download(values);
        return values;
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Name} [{Tensor.Text(_shape)}]";
}
