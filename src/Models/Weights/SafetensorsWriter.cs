using System.Buffers;
using System.Buffers.Binary;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Text.Json;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>Fills <paramref name="destination"/> with the elements of a tensor from <paramref name="start"/>
/// on.</summary>
public delegate void TensorSource(long start, Span<float> destination);

/// <summary>
/// Collects tensors, then writes them as one safetensors file, whole or not at all. Sources are asked in
/// pieces of 256 Ki elements while the file is written, so a model is never held twice.
/// </summary>
public sealed class SafetensorsWriter
{
    const int PieceLength = 1 << 18;

    readonly List<Item> _items = [];
    readonly HashSet<string> _names = new(StringComparer.Ordinal);

    sealed record Item(
        string Name, SafetensorsDtype Dtype, int[] Shape, long Length, Action<Item, Stream> Write);

    /// <summary>Text pairs stored in the file, in order of addition.</summary>
    public IDictionary<string, string> Metadata { get; } = new OrderedDictionary<string, string>();

    /// <summary>Adds a tensor that <see cref="Save"/> asks <paramref name="source"/> for.</summary>
    /// <param name="name">Its name, once per file.</param>
    /// <param name="shape">Its extents, row-major.</param>
    /// <param name="source">Asked for consecutive pieces.</param>
    /// <param name="dtype">F32, or F16 or BF16, to which values are rounded (ties to even).</param>
    public void Add(string name, ReadOnlySpan<int> shape, TensorSource source,
        SafetensorsDtype dtype = SafetensorsDtype.F32)
    {
        if (!dtype.IsFloat() || dtype == SafetensorsDtype.F64)
            throw new ArgumentException($"Floats are written as F32, F16 or BF16, not {dtype}.",
                nameof(dtype));
        Add(new Item(name, dtype, shape.ToArray(), Elements(shape),
            (item, stream) => WriteFloats(item, source, stream)));
    }

    /// <summary>Adds a tensor from memory.</summary>
    public void Add(string name, ReadOnlySpan<int> shape, ReadOnlyMemory<float> values,
        SafetensorsDtype dtype = SafetensorsDtype.F32)
    {
        RequireLength(name, shape, values.Length);
        Add(name, shape, (start, piece) => values.Span.Slice((int)start, piece.Length).CopyTo(piece), dtype);
    }

    /// <summary>Adds a tensor of 32-bit integers.</summary>
    public void AddInts(string name, ReadOnlySpan<int> shape, ReadOnlyMemory<int> values)
    {
        RequireLength(name, shape, values.Length);
        Add(new Item(name, SafetensorsDtype.I32, shape.ToArray(), values.Length,
            (_, stream) => stream.Write(MemoryMarshal.AsBytes(values.Span))));
    }

    /// <summary>Length of the file that <see cref="Save"/> writes; no source is asked.</summary>
    public long Bytes() => Header(Ordered()).Length + _items.Sum(item => item.Length * item.Dtype.Bytes());

    /// <summary>Writes the file.</summary>
    /// <exception cref="UserException">The place cannot be written, or a value is too large for
    /// F16.</exception>
    public void Save(string path)
    {
        Item[] items = Ordered();
        byte[] header = Header(items);
        AtomicFile.Write(path, stream =>
        {
            stream.Write(header);
            foreach (Item item in items)
                item.Write(item, stream);
        });
    }

    // Wide types first: after an odd number of 16-bit values a float would be misaligned for readers that
    // map.
    Item[] Ordered() => [.. _items.OrderByDescending(item => item.Dtype.Bytes())];

    void Add(Item item)
    {
        if (item.Name == "__metadata__" || !_names.Add(item.Name))
            throw new ArgumentException($"A tensor {Quoted.Name(item.Name)} cannot be added (again).");
        _items.Add(item);
    }

    byte[] Header(Item[] items)
    {
        var buffer = new ArrayBufferWriter<byte>();
        buffer.Write(new byte[8]); // the length, known below
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            WriteMetadata(json);
            long begin = 0;
            foreach (Item item in items)
                begin = WriteEntry(json, item, begin);
            json.WriteEndObject();
        }
        // Spaces up to a multiple of 8 keep the data aligned.
        int padding = -buffer.WrittenCount & 7;
        buffer.Write("       "u8[..padding]);
        byte[] header = buffer.WrittenSpan.ToArray();
        BinaryPrimitives.WriteInt64LittleEndian(header, header.Length - 8);
        return header;
    }

    void WriteMetadata(Utf8JsonWriter json)
    {
        if (Metadata.Count == 0)
            return;
        json.WriteStartObject("__metadata__");
        foreach ((string key, string value) in Metadata)
            json.WriteString(key, value);
        json.WriteEndObject();
    }

    static long WriteEntry(Utf8JsonWriter json, Item item, long begin)
    {
        long end = begin + item.Length * item.Dtype.Bytes();
        json.WriteStartObject(item.Name);
        json.WriteString("dtype", item.Dtype.Text());
        json.WriteStartArray("shape");
        foreach (int extent in item.Shape)
            json.WriteNumberValue(extent);
        json.WriteEndArray();
        json.WriteStartArray("data_offsets");
        json.WriteNumberValue(begin);
        json.WriteNumberValue(end);
        json.WriteEndArray();
        json.WriteEndObject();
        return end;
    }

    // A piece is computed while the one before it is written.
    static void WriteFloats(Item item, TensorSource source, Stream stream)
    {
        int length = (int)Math.Min(item.Length, PieceLength), bytes = item.Dtype.Bytes();
        float[] values = new float[length];
        byte[][] buffers = [new byte[length * bytes], item.Length > length ? new byte[length * bytes] : []];
        Task writing = Task.CompletedTask;
        try
        {
            for ((long start, int turn) = (0, 0); start < item.Length; start += PieceLength, turn ^= 1)
            {
                Span<float> piece = values.AsSpan(0, (int)Math.Min(PieceLength, item.Length - start));
                source(start, piece);
                ReadOnlyMemory<byte> stored = buffers[turn].AsMemory(0, piece.Length * bytes);
                Store(item, piece, buffers[turn]);
                writing.GetAwaiter().GetResult();
                writing = Task.Run(() => stream.Write(stored.Span));
            }
        }
        finally
        {
            writing.GetAwaiter().GetResult();
        }
    }

    static void Store(Item item, ReadOnlySpan<float> values, Span<byte> to)
    {
        if (item.Dtype == SafetensorsDtype.F32)
            MemoryMarshal.AsBytes(values).CopyTo(to);
        else if (item.Dtype == SafetensorsDtype.BF16)
            RoundToBFloat16(values, MemoryMarshal.Cast<byte, ushort>(to)[..values.Length]);
        else
            RoundToHalf(item.Name, values, MemoryMarshal.Cast<byte, Half>(to)[..values.Length]);
    }

    static void RoundToHalf(string name, ReadOnlySpan<float> values, Span<Half> halves)
    {
        TensorPrimitives.ConvertToHalf(values, halves);
        for (int i = 0; i < halves.Length; i++)
            if (Half.IsInfinity(halves[i]) && float.IsFinite(values[i]))
                throw new UserException($"{Quoted.Name(name)} holds {values[i]:g6}, too large for F16 "
                    + "(65504). Write F32 or BF16.");
    }

    static void RoundToBFloat16(ReadOnlySpan<float> values, Span<ushort> bits)
    {
        for (int i = 0; i < bits.Length; i++)
        {
            uint u = BitConverter.SingleToUInt32Bits(values[i]);
            // Rounding a NaN's bits could carry into infinity; keep its upper half and make it quiet.
            bits[i] = float.IsNaN(values[i])
                ? (ushort)((u >> 16) | 0x40)
                : (ushort)((u + 0x7FFF + ((u >> 16) & 1)) >> 16);
        }
    }

    static void RequireLength(string name, ReadOnlySpan<int> shape, int length)
    {
        if (Elements(shape) != length)
            throw new ArgumentException($"{Quoted.Name(name)} of shape {Quoted.Shape(shape.ToArray())} "
                + $"cannot hold {length} values.");
    }

    static long Elements(ReadOnlySpan<int> shape)
    {
        long length = 1;
        foreach (int extent in shape)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(extent, nameof(shape));
            length = checked(length * extent);
        }
        return length;
    }
}
