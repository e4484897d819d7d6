using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace HeadTap.Gguf;

/// <summary>Types of numbers in a file, by their numbers in ggml.</summary>
enum TensorType : uint
{
    F32 = 0,
    F16 = 1,
    BF16 = 30,
}

/// <summary>
/// A GGUF file, version 3 (ggml's docs/gguf.md): little-endian; metadata, the tensors' names and places, then
/// their numbers, each tensor at a multiple of 32 bytes.
/// </summary>
sealed class GgufFile
{
    const int Alignment = 32;

    // Numbers of metadata's types.
    const uint Uint32 = 4, Float32 = 6, String = 8, Array = 9;

    readonly List<(string Key, object Value)> _metadata = [];
    readonly List<(string Name, int[] Shape, float[] Values, TensorType Type)> _tensors = [];

    internal void Add(string key, uint value) => _metadata.Add((key, value));

    internal void Add(string key, float value) => _metadata.Add((key, value));

    internal void Add(string key, string value) => _metadata.Add((key, value));

    internal void Add(string key, string[] values) => _metadata.Add((key, values));

    /// <param name="name">Its name.</param>
    /// <param name="shape">Extents, row-major; the file has them from the innermost on.</param>
    /// <param name="values">Numbers.</param>
    /// <param name="type">What they are written as, rounded to even.</param>
    internal void Add(string name, int[] shape, float[] values, TensorType type)
        => _tensors.Add((name, shape, values, type));

    internal void Write(string path)
    {
        using var writer = new BinaryWriter(File.Create(path));
        writer.Write("GGUF"u8);
        writer.Write(3u);
        writer.Write((ulong)_tensors.Count);
        writer.Write((ulong)_metadata.Count);
        foreach ((string key, object value) in _metadata)
        {
            Write(writer, key);
            switch (value)
            {
                case uint n: writer.Write(Uint32); writer.Write(n); break;
                case float f: writer.Write(Float32); writer.Write(f); break;
                case string[] texts:
                    writer.Write(Array);
                    writer.Write(String);
                    writer.Write((ulong)texts.Length);
                    foreach (string text in texts)
                        Write(writer, text);
                    break;
                default: writer.Write(String); Write(writer, (string)value); break;
            }
        }
        ulong offset = 0;
        foreach ((string name, int[] shape, float[] values, TensorType type) in _tensors)
        {
            Write(writer, name);
            writer.Write((uint)shape.Length);
            foreach (int extent in shape.Reverse())
                writer.Write((ulong)extent);
            writer.Write((uint)type);
            writer.Write(offset);
            offset += (ulong)Padded(BytesOf(values, type));
        }
        Pad(writer);
        foreach ((_, _, float[] values, TensorType type) in _tensors)
        {
            Write(writer, values, type);
            Pad(writer);
        }
    }

    static long BytesOf(float[] values, TensorType type) => values.LongLength * (type == TensorType.F32 ? 4
        : 2);

    static long Padded(long bytes) => (bytes + Alignment - 1) / Alignment * Alignment;

    static void Pad(BinaryWriter writer)
    {
        writer.Flush();
        long at = writer.BaseStream.Position;
        writer.Write(new byte[Padded(at) - at]);
    }

    static void Write(BinaryWriter writer, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        writer.Write((ulong)bytes.Length);
        writer.Write(bytes);
    }

    static void Write(BinaryWriter writer, float[] values, TensorType type)
    {
        if (type == TensorType.F32)
        {
            writer.Write(MemoryMarshal.AsBytes(values.AsSpan()));
            return;
        }
        var halves = new byte[2 * values.Length];
        for (int i = 0; i < values.Length; i++)
            BinaryPrimitives.WriteUInt16LittleEndian(halves.AsSpan(2 * i), type == TensorType.F16
                ? BitConverter.HalfToUInt16Bits((Half)values[i]) : BrainFloat(values[i]));
        writer.Write(halves);
    }

    // The upper half of a float32, rounded to even; weights are finite.
    static ushort BrainFloat(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return (ushort)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
    }
}
