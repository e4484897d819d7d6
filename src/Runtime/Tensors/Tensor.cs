using ILGPU;

namespace HeadTap.Runtime;

/// <summary>
/// A named, shaped view of float32 memory on a device, row-major. It owns nothing and lives as long as the
/// <see cref="TensorArena"/> it was cut from.
/// </summary>
public sealed unsafe class Tensor
{
    readonly int[] _shape;

    internal Tensor(ComputeDevice device, string name, int[] shape, long length,
        float* pointer, ArrayView<float> view, long offset = 0)
    {
        Offset = offset;
        Device = device;
        Name = name;
        _shape = shape;
        Length = length;
        Pointer = pointer;
        View = view;
    }

    /// <summary>The name in errors, traces and checkpoints.</summary>
    public string Name { get; }

    /// <summary>Extents, outermost first.</summary>
    public ReadOnlySpan<int> Shape => _shape;

    /// <summary>Product of the extents.</summary>
    public long Length { get; }

    /// <summary>The last extent.</summary>
    public int Columns => _shape[^1];

    /// <summary>Product of all extents but the last.</summary>
    public int Rows => checked((int)(Length / Math.Max(Columns, 1)));

    /// <summary>The device that owns the memory.</summary>
    public ComputeDevice Device { get; }

    /// <summary>Host memory on <c>cpu</c>, else null.</summary>
    internal float* Pointer { get; }

    /// <summary>Device memory on ILGPU devices, else empty.</summary>
    internal ArrayView<float> View { get; }

    /// <summary>
    /// Floats from the last cache line to the first element: 0 for cuts of an arena, any number for slices.
    /// </summary>
    internal long Offset { get; }

    /// <summary>The values themselves, on the host path.</summary>
    internal Span<float> Span => new(Pointer, Countable(Length, this));

    /// <summary>A part of the same memory, from element <paramref name="offset"/> on.</summary>
    public Tensor Slice(string name, long offset, params ReadOnlySpan<int> shape)
    {
        long length = Product(shape);
        if (offset < 0 || offset + length > Length)
            throw new ArgumentException($"{name} [{offset}, {offset + length}) is outside {this}.");
        return new Tensor(Device, name, shape.ToArray(), length,
            Pointer == null ? null : Pointer + offset,
            View.IsValid ? View.SubView(offset, length) : View, Offset + offset);
    }

    /// <summary>Rows [<paramref name="first"/>, <paramref name="first"/> + <paramref name="count"/>) of the
    /// same memory.</summary>
    public Tensor SliceRows(int first, int count) => Slice(Name, (long)first * Columns, count, Columns);

    /// <summary>The same memory under another shape.</summary>
    public Tensor Reshape(params ReadOnlySpan<int> shape)
    {
        if (Product(shape) != Length)
            throw new ArgumentException($"{this} cannot be seen as [{Text(shape)}].");
        return Slice(Name, 0, shape);
    }

    /// <summary>Copies from the host; the lengths must agree.</summary>
    public void Upload(ReadOnlySpan<float> values)
        => Transfer.Upload(values, Device, Pointer, View, Length, this);

    /// <summary>Copies to the host, after all queued work; the lengths must agree.</summary>
    public void Download(Span<float> values)
        => Transfer.Download(values, Device, Pointer, View, Length, this);

    /// <summary>A copy on the host.</summary>
    /// <exception cref="UserException">An array cannot have so many elements.</exception>
    public float[] ToArray()
    {
        float[] values = new float[Countable(Length, this)];
        Download(values);
        return values;
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Name} [{Text(_shape)}]";

    /// <summary>The number of elements of a shape.</summary>
    /// <exception cref="ArgumentException">An extent is negative.</exception>
    public static long Product(ReadOnlySpan<int> shape)
    {
        long length = 1;
        foreach (int extent in shape)
            length = checked(length * (extent >= 0 ? extent
                : throw new ArgumentException($"[{Text(shape)}] has a negative extent.")));
        return length;
    }

    /// <summary>A length that an array or a span can have.</summary>
    internal static int Countable(long length, object tensor) => length <= Array.MaxLength ? (int)length
        : throw new UserException($"{tensor} has {length} elements, and the host takes {Array.MaxLength} at "
            + "once; try fewer rows or shorter ones");

    internal static string Text(ReadOnlySpan<int> shape) => string.Join(", ", shape.ToArray());
}
