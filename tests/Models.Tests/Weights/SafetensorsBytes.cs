using System.Buffers.Binary;
using System.Text;

namespace HeadTap.Models.Tests;

/// <summary>Safetensors files made by hand, right and wrong.</summary>
static class SafetensorsBytes
{
    public static byte[] Of(string header, int dataBytes = 0) => Of(header, new byte[dataBytes]);

    public static byte[] Of(string header, byte[] data) => Of(Encoding.UTF8.GetBytes(header), data);

    public static byte[] Of(byte[] header, byte[] data)
    {
        byte[] file = new byte[8 + header.Length + data.Length];
        BinaryPrimitives.WriteInt64LittleEndian(file, header.Length);
        header.CopyTo(file, 8);
        data.CopyTo(file, 8 + header.Length);
        return file;
    }

    public static string Entry(string name, string dtype, string shape, long begin, long end) =>
        $$"""
        "{{name}}":{"dtype":"{{dtype}}","shape":{{shape}},"data_offsets":[{{begin}},{{end}}]}
        """;

    public static string Header(params string[] entries) => "{" + string.Join(',', entries) + "}";
}
