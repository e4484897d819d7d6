using System.Buffers.Binary;
using System.Text;

namespace HeadTap.Peers;

/// <summary>
/// Marks one symbol version that a Linux library asks for as weak, so that the loader only warns when the
/// system's C++ library is older. TorchSharp 0.107 asks for GLIBCXX_3.4.32 and uses one symbol of it, an
/// empty initialiser.
/// </summary>
static class WeakVersionNeed
{
    const int SectionVersionNeed = 0x6ffffffe;
    const ushort Weak = 2;

    /// <summary>Copies a 64-bit ELF file with the version marked weak.</summary>
    public static void Copy(string from, string to, string version)
    {
        byte[] elf = File.ReadAllBytes(from);
        long sections = (long)U64(elf, 0x28);
        int size = U16(elf, 0x3A), count = U16(elf, 0x3C);
        for (int s = 0; s < count; s++)
        {
            long header = sections + (long)s * size;
            if ((int)U32(elf, header + 4) != SectionVersionNeed)
                continue;
            long names = (long)U64(elf, sections + U32(elf, header + 40) * (long)size + 24);
            Mark(elf, (long)U64(elf, header + 24), names, version);
        }
        File.WriteAllBytes(to, elf);
    }

    static void Mark(byte[] elf, long need, long names, string version)
    {
        while (true)
        {
            long entry = need + U32(elf, need + 8);
            for (int left = U16(elf, need + 2); left > 0; left--)
            {
                if (Text(elf, names + U32(elf, entry + 8)) == version)
                    BinaryPrimitives.WriteUInt16LittleEndian(elf.AsSpan((int)entry + 4), Weak);
                entry += U32(elf, entry + 12);
            }
            uint next = U32(elf, need + 12);
            if (next == 0)
                return;
            need += next;
        }
    }

    static string Text(byte[] bytes, long at)
        => Encoding.ASCII.GetString(bytes, (int)at, Array.IndexOf(bytes, (byte)0, (int)at) - (int)at);

    static ushort U16(byte[] b, long at) => BinaryPrimitives.ReadUInt16LittleEndian(b.AsSpan((int)at));

    static uint U32(byte[] b, long at) => BinaryPrimitives.ReadUInt32LittleEndian(b.AsSpan((int)at));

    static ulong U64(byte[] b, long at) => BinaryPrimitives.ReadUInt64LittleEndian(b.AsSpan((int)at));
}
