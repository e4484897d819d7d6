using System.Buffers;
using System.Buffers.Binary;
using System.IO.MemoryMappedFiles;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using HeadTap.Runtime;
using Microsoft.Win32.SafeHandles;
using Tensor = HeadTap.Runtime.Tensor;

namespace HeadTap.Models;

/// <summary>
/// Reads a safetensors file through a memory map: opening costs the header, reading a tensor costs one copy.
/// The whole header is checked on opening, so a file that opens can be read to its last byte. What is read
/// through the map stays resident; a job that passes once over more than it may hold reads without it.
/// </summary>
public sealed unsafe partial class SafetensorsReader : IDisposable
{
    const int PieceLength = 1 << 18;

    readonly string _path;
    readonly SafeFileHandle? _unmapped; // where numbers are read from the file and not from the map
    readonly MemoryMappedFile _map;
    readonly MemoryMappedViewAccessor _view;
    readonly Dictionary<string, SafetensorsEntry> _byName;
    byte* _file; // null once disposed
    readonly byte* _data;

    SafetensorsReader(string path, FileStream stream, bool mapped)
    {
        _path = path;
        _unmapped = mapped ? null : stream.SafeFileHandle;
        long fileBytes = stream.Length;
        _map = MemoryMappedFile.CreateFromFile(
            stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
        _view = _map.CreateViewAccessor(0, fileBytes, MemoryMappedFileAccess.Read);
        try
        {
            _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _file);
            int headerBytes = HeaderBytes(path, new ReadOnlySpan<byte>(_file, 8), fileBytes);
            _data = _file + 8 + headerBytes;
            (Entries, Metadata) = SafetensorsHeader.Parse(
                path, new ReadOnlySpan<byte>(_file + 8, headerBytes), fileBytes - 8 - headerBytes);
            _byName = Entries.ToDictionary(entry => entry.Name, StringComparer.Ordinal);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Every tensor, in the order of the data.</summary>
    public IReadOnlyList<SafetensorsEntry> Entries { get; }

    /// <summary>The file's free-form text pairs; empty if it has none.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Opens a file and checks its header.</summary>
    /// <exception cref="UserException">It cannot be read, or its header is not exactly right.</exception>
    public static SafetensorsReader Open(string path) => Open(path, mapped: true);

    /// <summary>Opens a file whose floats are read through the map, or from the file so that none stays
    /// resident.</summary>
    internal static SafetensorsReader Open(string path, bool mapped)
    {
        FileStream stream = InputFile.Open(path);
        try
        {
            // Checked before mapping: an empty file cannot be mapped.
            return stream.Length >= 8
                ? new SafetensorsReader(path, stream, mapped)
                : throw new UserException($"{Quoted.Path(path)}: {Counted.Of(stream.Length, "byte")}; a "
                    + "safetensors file has at least 8. It was cut short; fetch or write it again.");
        }
        catch (Exception e)
        {
            stream.Dispose();
            if (e is IOException or UnauthorizedAccessException or NotSupportedException)
                throw InputFile.Unreadable(path, e);
            throw;
        }
    }

    /// <summary>Whether a tensor of this name is there.</summary>
    public bool Contains(string name) => _byName.ContainsKey(name);

    /// <summary>The entry of a tensor.</summary>
    /// <exception cref="UserException">No tensor has this name.</exception>
    public SafetensorsEntry Find(string name) => _byName.TryGetValue(name, out SafetensorsEntry? entry)
        ? entry
        : throw new UserException($"{Quoted.Path(_path)}: has no tensor {Quoted.Name(name)}; "
            + $"it has {Quoted.Names([.. Entries.Select(e => e.Name)])}.");

    /// <summary>Reads a whole tensor, F32, F64 (rounded), F16 or BF16.</summary>
    /// <param name="name">The tensor.</param>
    /// <param name="destination">As long as the tensor.</param>
    /// <exception cref="UserException">No such tensor, or its elements are of another type.</exception>
    public void Read(string name, Span<float> destination)
    {
        RequireLength(Find(name), destination.Length);
        Read(name, 0, destination);
    }

    /// <summary>Reads part of a tensor, from element <paramref name="start"/> on.</summary>
    /// <exception cref="UserException">No such tensor, or its elements are of another type.</exception>
    public void Read(string name, long start, Span<float> destination)
    {
        SafetensorsEntry entry = Find(name);
        byte* source = Source(entry, start, destination.Length);
        if (_unmapped is not null && entry.Dtype.IsFloat())
            ReadUnmapped(entry, source - _file, destination);
        else
            Convert(entry, source, destination);
    }

    void Convert(SafetensorsEntry entry, byte* source, Span<float> destination)
    {
        int n = destination.Length;
        switch (entry.Dtype)
        {
            case SafetensorsDtype.F32:
                // By bytes: files of old writers do not align their data.
                new ReadOnlySpan<byte>(source, checked(n * 4)).CopyTo(MemoryMarshal.AsBytes(destination));
                break;
            case SafetensorsDtype.F16:
                TensorPrimitives.ConvertToSingle(new ReadOnlySpan<Half>(source, n), destination);
                break;
            case SafetensorsDtype.BF16:
                for (int i = 0; i < n; i++)
                    destination[i] = BitConverter.UInt32BitsToSingle((uint)((ushort*)source)[i] << 16);
                break;
            case SafetensorsDtype.F64:
                TensorPrimitives.ConvertChecked<double, float>(
                    new ReadOnlySpan<double>(source, n), destination);
                break;
            default:
                throw WrongDtype(entry, SafetensorsDtypes.Floats);
        }
    }

    void ReadUnmapped(SafetensorsEntry entry, long offset, Span<float> destination)
    {
        if (entry.Dtype == SafetensorsDtype.F32)
        {
            Fill(offset, MemoryMarshal.AsBytes(destination));
            return;
        }
        byte[] bytes = ArrayPool<byte>.Shared.Rent(checked(destination.Length * entry.Dtype.Bytes()));
        try
        {
            Fill(offset, bytes.AsSpan(0, destination.Length * entry.Dtype.Bytes()));
            fixed (byte* source = bytes)
                Convert(entry, source, destination);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }

    void Fill(long offset, Span<byte> bytes)
    {
        try
        {
            while (bytes.Length > 0)
            {
                int read = RandomAccess.Read(_unmapped!, bytes, offset);
                if (read == 0)
                    throw new IOException("the file has become shorter");
                offset += read;
                bytes = bytes[read..];
            }
        }
        catch (IOException e)
        {
            throw InputFile.Unreadable(_path, e);
        }
    }

    /// <summary>Reads a whole tensor onto a device, in pieces.</summary>
    /// <param name="name">The tensor.</param>
    /// <param name="destination">Of the tensor's shape.</param>
    /// <param name="seen">Is shown each piece; null for nobody.</param>
    /// <exception cref="UserException">No such tensor, it has another shape or type, or a number in it is
    /// not finite.</exception>
    public void Read(string name, Tensor destination, Action<ReadOnlySpan<float>>? seen = null)
    {
        ArgumentNullException.ThrowIfNull(destination);
        int[] expected = destination.Shape.ToArray();
        if (Find(name).Shape is var found && !found.SequenceEqual(expected.Select(extent => (long)extent)))
            throw new UserException($"{Quoted.Path(_path)}: {name} is {Quoted.Shape(found)}; expected "
                + Quoted.Shape(expected));
        float[] piece = new float[Math.Min(PieceLength, destination.Length)];
        for (long start = 0; start < destination.Length; start += PieceLength)
        {
            Span<float> values = piece.AsSpan(0, (int)Math.Min(PieceLength, destination.Length - start));
            Read(name, start, values);
            RequireFinite(name, values);
            seen?.Invoke(values);
            destination.Slice(name, start, values.Length).Upload(values);
        }
    }

    /// <summary>Reads a whole tensor of I32, or of I64 whose values fit.</summary>
    /// <exception cref="UserException">No such tensor, another type, or a value that does not
    /// fit.</exception>
    public void ReadInts(string name, Span<int> destination)
    {
        SafetensorsEntry entry = Find(name);
        RequireLength(entry, destination.Length);
        byte* source = Source(entry, 0, destination.Length);
        if (entry.Dtype == SafetensorsDtype.I32)
        {
            new ReadOnlySpan<byte>(source, checked(destination.Length * 4)).CopyTo(
                MemoryMarshal.AsBytes(destination));
            return;
        }
        if (entry.Dtype != SafetensorsDtype.I64)
            throw WrongDtype(entry, "I32 or I64");
        for (int i = 0; i < destination.Length; i++)
        {
            long value = ((long*)source)[i];
            destination[i] = (int)value == value
                ? (int)value
                : throw new UserException($"{Quoted.Path(_path)}: {entry} holds {value}; expected 32-bit "
                    + "numbers.");
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_file is not null)
            _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _file = null;
        _view.Dispose();
        _map.Dispose();
    }

    static int HeaderBytes(string path, ReadOnlySpan<byte> start, long fileBytes)
    {
        ulong bytes = BinaryPrimitives.ReadUInt64LittleEndian(start);
        string? wrong = bytes > (ulong)(fileBytes - 8) ? $"but the file has {fileBytes - 8} after the length"
            : bytes > SafetensorsHeader.MostBytes ? $"but the format allows {SafetensorsHeader.MostBytes}"
            : bytes < 2 ? "but the shortest is {}"
            : null;
        if (wrong is not null && ForeignFile.Name(path) is { } foreign)
            throw new UserException($"{Quoted.Path(path)}: is {foreign}");
        return wrong is null
            ? (int)bytes
            : throw new UserException($"{Quoted.Path(path)}: its header claims {bytes} bytes, "
                + $"{wrong}. The file is cut short or is no safetensors file; fetch or write it again.");
    }

    byte* Source(SafetensorsEntry entry, long start, int count)
    {
        ObjectDisposedException.ThrowIf(_file is null, this);
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(start, entry.Length - count);
        return _data + entry.Begin + start * entry.Dtype.Bytes();
    }

    static void RequireLength(SafetensorsEntry entry, int length)
    {
        if (length != entry.Length)
            throw new ArgumentException($"{entry} has {entry.Length} elements, the destination {length}.");
    }

    UserException WrongDtype(SafetensorsEntry entry, string expected) => new(
        $"{Quoted.Path(_path)}: tensor {entry} is of a type we do not convert; expected {expected}.");
}
