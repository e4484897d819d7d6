// NumPy's .npy:
//
//     93 'NUMPY'   major minor   header length (2 bytes; 4 from version 2 on)
//     {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }   spaces, newline; up to a multiple of 64
//     the elements, row-major, little endian

using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>Writes and reads <c>.npy</c> files of 32-bit floats and integers in C order.</summary>
public static partial class NpyFile
{
    const int PieceLength = 1 << 18;
    const int LongestHeader = 1 << 16;
    const int MostAxes = 32;

    static ReadOnlySpan<byte> Magic => [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y'];

    /// <summary>Writes floats that <paramref name="source"/> is asked for, piece by piece.</summary>
    /// <exception cref="UserException">The place cannot be written.</exception>
    public static void Write(string path, ReadOnlySpan<int> shape, TensorSource source)
    {
        byte[] header = Header("<f4", shape);
        long length = Elements(shape);
        AtomicFile.Write(path, stream =>
        {
            stream.Write(header);
            float[] piece = new float[Math.Min(length, PieceLength)];
            for (long start = 0; start < length; start += PieceLength)
            {
                Span<float> values = piece.AsSpan(0, (int)Math.Min(PieceLength, length - start));
                source(start, values);
                stream.Write(MemoryMarshal.AsBytes(values));
            }
        });
    }

    /// <summary>Writes floats from memory.</summary>
    /// <exception cref="UserException">The place cannot be written.</exception>
    public static void Write(string path, ReadOnlySpan<int> shape, ReadOnlyMemory<float> values)
    {
        RequireLength(shape, values.Length);
        Write(path, shape, (start, piece) => values.Span.Slice((int)start, piece.Length).CopyTo(piece));
    }

    /// <summary>Writes 32-bit integers.</summary>
    /// <exception cref="UserException">The place cannot be written.</exception>
    public static void WriteInts(string path, ReadOnlySpan<int> shape, ReadOnlyMemory<int> values)
    {
        RequireLength(shape, values.Length);
        byte[] header = Header("<i4", shape);
        AtomicFile.Write(path, stream =>
        {
            stream.Write(header);
            stream.Write(MemoryMarshal.AsBytes(values.Span));
        });
    }

    /// <summary>Reads an array of float32.</summary>
    /// <exception cref="UserException">The file cannot be read or holds something else.</exception>
    public static (int[] Shape, float[] Values) ReadFloats(string path) =>
        Read<float>(path, "<f4", "float32");

    /// <summary>Reads an array of int32.</summary>
    /// <exception cref="UserException">The file cannot be read or holds something else.</exception>
    public static (int[] Shape, int[] Values) ReadInts(string path) => Read<int>(path, "<i4", "int32");

    static (int[] Shape, T[] Values) Read<T>(string path, string descr, string type) where T : unmanaged
    {
        using FileStream stream = InputFile.Open(path);
        try
        {
            Match header = HeaderForm().Match(ReadHeader(path, stream));
            if (!header.Success)
                throw Bad(path, "its header is not NumPy's");
            if (header.Groups["descr"].Value != descr)
            {
                throw new UserException(
                    $"{Quoted.Path(path)}: holds {Quoted.Name(header.Groups["descr"].Value)}; "
                    + $"expected {type} ({descr}). Save it with .astype(\"{type}\").");
            }
            int[] shape = ReadShape(path, header.Groups["shape"].Value);
            if (header.Groups["order"].Value == "True" && shape.Length > 1)
                throw new UserException($"{Quoted.Path(path)}: is in Fortran order; expected C order. "
                    + "Save it with numpy.ascontiguousarray.");
            // Compared before allocating: a header of fifty bytes can claim any size.
            long length = ElementsOrMinusOne(shape), bytes = stream.Length - stream.Position;
            if (length < 0 || length > Array.MaxLength || length * 4 != bytes)
                throw Bad(path, $"its shape {Quoted.Shape(shape)} does not fit its "
                    + $"{Counted.Of(bytes, "byte")}");
            var values = new T[length];
            stream.ReadExactly(MemoryMarshal.AsBytes(values.AsSpan()));
            return (shape, values);
        }
        catch (IOException e)
        {
            throw InputFile.Unreadable(path, e);
        }
    }

    static string ReadHeader(string path, FileStream stream)
    {
        Span<byte> start = stackalloc byte[12];
        start.Clear();
        int read = stream.ReadAtLeast(start, 12, throwOnEndOfStream: false);
        int major = start[6];
        if (read < 12 || !start.StartsWith(Magic) || major is < 1 or > 3)
            throw Bad(path, "it does not begin as one");
        uint length = major == 1 ? BinaryPrimitives.ReadUInt16LittleEndian(start[8..])
            : BinaryPrimitives.ReadUInt32LittleEndian(start[8..]);
        stream.Position = major == 1 ? 10 : 12;
        if (length > LongestHeader || length > stream.Length - stream.Position)
            throw Bad(path, $"its header claims {Counted.Of(length, "byte")}");
        byte[] header = new byte[length];
        stream.ReadExactly(header);
        return Encoding.Latin1.GetString(header);
    }

    static int[] ReadShape(string path, string text)
    {
        string[] extents =
            text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        int[] shape = new int[Math.Min(extents.Length, MostAxes)];
        for (int i = 0; i < extents.Length; i++)
            if (i == MostAxes
                || !int.TryParse(extents[i], NumberStyles.None, CultureInfo.InvariantCulture, out shape[i]))
                throw Bad(path, $"its shape ({Quoted.Line(text)}) is too large");
        return shape;
    }

    static UserException Bad(string path, string what) =>
        new($"{Quoted.Path(path)}: {what}; expected a whole .npy file. Write it again.");

    static byte[] Header(string descr, ReadOnlySpan<int> shape)
    {
        // A tuple of one keeps its comma: (3,).
        string tuple = shape.Length == 1 ? $"({shape[0]},)" : $"({string.Join(", ", shape.ToArray())})";
        string text = $"{{'descr': '{descr}', 'fortran_order': False, 'shape': {tuple}, }}";
        int length = (10 + text.Length + 1 + 63) / 64 * 64 - 10;
        byte[] header = new byte[10 + length];
        Magic.CopyTo(header);
        header[6] = 1;
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(8), (ushort)length);
        Encoding.ASCII.GetBytes(text.PadRight(length - 1) + "\n", header.AsSpan(10));
        return header;
    }

    static void RequireLength(ReadOnlySpan<int> shape, int length)
    {
        if (Elements(shape) != length)
            throw new ArgumentException($"Shape {Quoted.Shape(shape.ToArray())} cannot hold {length} "
                + "values.", nameof(shape));
    }

    static long Elements(ReadOnlySpan<int> shape)
    {
        long length = ElementsOrMinusOne(shape);
        ArgumentOutOfRangeException.ThrowIfNegative(length, nameof(shape));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(shape.Length, MostAxes, nameof(shape));
        return length;
    }

    static long ElementsOrMinusOne(ReadOnlySpan<int> shape)
    {
        UInt128 length = 1; // 32 extents could pass 64 bits before a zero comes
        bool empty = shape.Contains(0);
        foreach (int extent in shape)
        {
            if (extent < 0 || (!empty && (length *= (uint)extent) > long.MaxValue / 8))
                return -1;
        }
        return empty ? 0 : (long)length;
    }

    [GeneratedRegex(@"^\{'descr': ?'(?<descr>[^']*)', ?'fortran_order': ?(?<order>True|False), ?"
        + @"'shape': ?\((?<shape>[0-9, ]*)\),? ?\} *\n?$",
        RegexOptions.NonBacktracking | RegexOptions.CultureInvariant)]
    private static partial Regex HeaderForm();
}
