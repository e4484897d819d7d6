using System.Buffers;
using System.Numerics.Tensors;

namespace HeadTap.Merge;

/// <summary>
/// One tensor of every parent, read in pieces: a merge never holds a whole tensor of all parents.
/// </summary>
public abstract class ParentTensor
{
    /// <summary>Numbers that a reader asks for at once.</summary>
    public const int PieceLength = 1 << 16;

    /// <summary>The tensor's name; seeds random masks.</summary>
    public abstract string Name { get; }

    /// <summary>Its extents, row-major.</summary>
    public abstract IReadOnlyList<int> Shape { get; }

    /// <summary>Parents without the base.</summary>
    public abstract int Models { get; }

    /// <summary>Whether there is a base model.</summary>
    public abstract bool HasBase { get; }

    /// <summary>Product of the extents.</summary>
    public long Length => Shape.Aggregate(1L, (product, extent) => product * extent);

    /// <summary>The last extent: numbers of a row.</summary>
    public int Columns => Shape.Count == 0 ? 1 : Shape[^1];

    /// <summary>Whether it is a matrix that a layer multiplies by: no embedding, no vector.</summary>
    public virtual bool IsLayerMatrix => Shape.Count == 2;

    /// <summary>Reads a parent's numbers from <paramref name="start"/> on. Several threads may call
    /// it.</summary>
    public abstract void Read(int model, long start, Span<float> to);

    /// <summary>Reads the base's numbers from <paramref name="start"/> on. Several threads may call
    /// it.</summary>
    public abstract void ReadBase(long start, Span<float> to);

    /// <summary>The same tensor in memory if it is small enough, for a merge that reads it more than once. It
    /// holds until the next tensor is opened.</summary>
    internal virtual ParentTensor Held() => this;

    /// <summary>Reads <c>theta_model - theta_0</c> from <paramref name="start"/> on, rounded to
    /// float32.</summary>
    internal void ReadTaskVector(int model, long start, Span<float> to)
    {
        Read(model, start, to);
        float[] rented = ArrayPool<float>.Shared.Rent(to.Length);
        Span<float> zero = rented.AsSpan(0, to.Length);
        ReadBase(start, zero);
        TensorPrimitives.Subtract(to, zero, to);
        ArrayPool<float>.Shared.Return(rented);
    }
}
