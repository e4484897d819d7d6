using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace HeadTap.PtxMachine;

/// <summary>
/// A Linux library without code: a table of names and addresses that are already in this process. The
/// system's loader reads it, and its symbol look-up then answers a name with the address.
/// </summary>
/// <remarks>
/// Symbols of section SHN_ABS are addresses as they stand, which the loader does not move (glibc 2.28 and
/// later). So the file is the same for every processor but for one number, and needs no compiler.
/// </remarks>
static class SharedObject
{
    const int HeaderBytes = 64, SegmentBytes = 56, SymbolBytes = 24, EntryBytes = 16, Segments = 3;
    const ushort Absolute = 0xfff1; // SHN_ABS
    const byte GlobalFunction = (1 << 4) | 2; // STB_GLOBAL, STT_FUNC
    const long PageBytes = 1 << 16; // the largest page of the processors below

    /// <summary>Loads a library that answers each name with its address.</summary>
    /// <exception cref="PlatformNotSupportedException">The system has no such libraries.</exception>
    internal static nint Load(IReadOnlyList<(string Name, nint Address)> symbols)
    {
        if (!OperatingSystem.IsLinux())
            throw new PlatformNotSupportedException("the PTX machine's driver runs on Linux only");
        ushort machine = RuntimeInformation.ProcessArchitecture switch
        {
            Architecture.X64 => 62, // EM_X86_64
            Architecture.Arm64 => 183, // EM_AARCH64
            Architecture other => throw new PlatformNotSupportedException(
                $"the PTX machine's driver runs on x64 and arm64, not on {other}"),
        };
        string file = Path.Combine(Path.GetTempPath(),
            $"libcuda-ptx-{Environment.ProcessId}-{Guid.NewGuid():N}.so");
        try
        {
            File.WriteAllBytes(file, Bytes(machine, symbols));
            nint library = NativeLibrary.Load(file);
            foreach ((string name, nint address) in symbols)
                if (NativeLibrary.GetExport(library, name) != address)
                    throw new PlatformNotSupportedException(
                        "the C library moves absolute symbols; the PTX machine's driver needs glibc 2.28");
            return library;
        }
        finally
        {
            File.Delete(file);
        }
    }

    /// <summary>The file: header, three segments, symbols, their hash table, the dynamic section,
    /// names.</summary>
    internal static byte[] Bytes(ushort machine, IReadOnlyList<(string Name, nint Address)> symbols)
    {
        byte[][] names = [.. symbols.Select(s => Encoding.ASCII.GetBytes(s.Name + '\0'))];
        int count = symbols.Count + 1; // the first symbol is empty
        int symbolsAt = HeaderBytes + Segments * SegmentBytes;
        int hashAt = symbolsAt + count * SymbolBytes;
        int dynamicAt = (hashAt + (3 + count) * sizeof(uint) + 7) & ~7;
        int namesAt = dynamicAt + 6 * EntryBytes;
        int nameBytes = 1 + names.Sum(n => n.Length);
        byte[] file = new byte[namesAt + nameBytes];

        WriteHeader(file, machine);
        WriteSegment(file, 0, kind: 1 /* PT_LOAD */, 0, file.Length, PageBytes);
        WriteSegment(file, 1, kind: 2 /* PT_DYNAMIC */, dynamicAt, 6 * EntryBytes, 8);
        // Without it the loader takes the stack for executable, and new ones then refuse the library.
        WriteSegment(file, 2, kind: 0x6474e551 /* PT_GNU_STACK */, 0, 0, 16);

        int name = 1;
        for (int i = 0; i < symbols.Count; i++)
        {
            Span<byte> symbol = file.AsSpan(symbolsAt + (i + 1) * SymbolBytes);
            Put32(symbol, 0, (uint)name);
            symbol[4] = GlobalFunction;
            BinaryPrimitives.WriteUInt16LittleEndian(symbol[6..], Absolute);
            Put64(symbol, 8, symbols[i].Address);
            names[i].CopyTo(file, namesAt + name);
            name += names[i].Length;
        }

        // One bucket that chains all symbols, first to last: an import is looked up once.
        Span<byte> hash = file.AsSpan(hashAt);
        Put32(hash, 0, 1);
        Put32(hash, 4, (uint)count);
        Put32(hash, 8, 1);
        for (int i = 1; i < count; i++)
            Put32(hash, 12 + 4 * i, i + 1 < count ? (uint)i + 1 : 0);

        Span<byte> dynamic = file.AsSpan(dynamicAt);
        (long Tag, long Value)[] entries =
        [
            (4, hashAt), (5, namesAt), (6, symbolsAt), // DT_HASH, DT_STRTAB, DT_SYMTAB
            (10, nameBytes), (11, SymbolBytes), (0, 0), // DT_STRSZ, DT_SYMENT, DT_NULL
        ];
        for (int i = 0; i < entries.Length; i++)
        {
            Put64(dynamic, i * EntryBytes, entries[i].Tag);
            Put64(dynamic, i * EntryBytes + 8, entries[i].Value);
        }
        return file;
    }

    static void WriteHeader(Span<byte> file, ushort machine)
    {
        // 64 bits, little-endian
        ReadOnlySpan<byte> identity = [0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1];
        identity.CopyTo(file);
        BinaryPrimitives.WriteUInt16LittleEndian(file[16..], 3); // ET_DYN
        BinaryPrimitives.WriteUInt16LittleEndian(file[18..], machine);
        Put32(file, 20, 1); // EV_CURRENT
        Put64(file, 32, HeaderBytes); // where the segments are listed
        BinaryPrimitives.WriteUInt16LittleEndian(file[52..], HeaderBytes);
        BinaryPrimitives.WriteUInt16LittleEndian(file[54..], SegmentBytes);
        BinaryPrimitives.WriteUInt16LittleEndian(file[56..], Segments);
        BinaryPrimitives.WriteUInt16LittleEndian(file[58..], 64); // size of a section's line; there is none
    }

    static void WriteSegment(Span<byte> file, int index, uint kind, long start, long bytes, long alignment)
    {
        Span<byte> segment = file[(HeaderBytes + index * SegmentBytes)..];
        Put32(segment, 0, kind);
        Put32(segment, 4, 6); // readable, and writable because the loader notes addresses in it
        Put64(segment, 8, start); // in the file, and below the same in memory
        Put64(segment, 16, start);
        Put64(segment, 24, start);
        Put64(segment, 32, bytes);
        Put64(segment, 40, bytes);
        Put64(segment, 48, alignment);
    }

    static void Put32(Span<byte> at, int offset, uint value)
        => BinaryPrimitives.WriteUInt32LittleEndian(at[offset..], value);

    static void Put64(Span<byte> at, int offset, long value)
        => BinaryPrimitives.WriteInt64LittleEndian(at[offset..], value);
}
