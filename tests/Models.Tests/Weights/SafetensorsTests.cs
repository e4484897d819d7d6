using System.Buffers.Binary;
using System.Text;
using static HeadTap.Models.Tests.SafetensorsBytes;

namespace HeadTap.Models.Tests;

/// <summary>What is written comes back, and the bytes are the format's.</summary>
sealed class SafetensorsTests
{
    static readonly float[] Hostile =
    [
        0f, -0f, 1f, -1.5f, float.Epsilon, float.MaxValue, float.MinValue, float.NaN,
        float.PositiveInfinity, float.NegativeInfinity, 1e-40f, 3.14159274f, 65504f,
    ];

    static float[] Read(SafetensorsReader file, string name)
    {
        float[] values = new float[file.Find(name).Length];
        file.Read(name, values);
        return values;
    }

    static int[] Bits(float[] values) => [.. values.Select(BitConverter.SingleToInt32Bits)];

    [Test]
    public void Floats_ints_and_metadata_come_back_bit_for_bit()
    {
        using var folder = new TemporaryFolder();
        var writer = new SafetensorsWriter();
        writer.Metadata["loss"] = "1.25 \"é\"\n";
        writer.Add("h.0.attn.c_attn.weight", [13, 1], Hostile);
        writer.AddInts("tokens", [2, 1, 3], new[] { 0, -1, int.MaxValue, int.MinValue, 5, 6 });
        writer.Add("scalar", [], new[] { 7f });
        writer.Add("empty", [3, 0], Array.Empty<float>());
        writer.Save(folder["f.safetensors"]);

        using var file = SafetensorsReader.Open(folder["f.safetensors"]);
        Assert.That(file.Metadata["loss"], Is.EqualTo("1.25 \"é\"\n"));
        Assert.That(Bits(Read(file, "h.0.attn.c_attn.weight")), Is.EqualTo(Bits(Hostile)));
        Assert.That(Read(file, "scalar"), Is.EqualTo(new[] { 7f }));
        Assert.That(Read(file, "empty"), Is.Empty);
        int[] tokens = new int[6];
        file.ReadInts("tokens", tokens);
        Assert.That(tokens, Is.EqualTo(new[] { 0, -1, int.MaxValue, int.MinValue, 5, 6 }));
        Assert.That(file.Find("tokens").Shape, Is.EqualTo(new[] { 2, 1, 3 }));
        Assert.That(file.Find("scalar").Shape, Is.Empty);
        Assert.That(file.Contains("Tokens"), Is.False);
        Assert.That(file.Entries, Has.Count.EqualTo(4));
    }

    [Test]
    public void The_bytes_are_the_formats()
    {
        using var folder = new TemporaryFolder();
        var writer = new SafetensorsWriter();
        writer.Metadata["format"] = "pt";
        writer.Add("b", [1], new[] { 1f }, SafetensorsDtype.BF16);
        writer.Add("a", [1, 2], new[] { 1f, -2f });
        writer.Save(folder["f"]);

        byte[] file = File.ReadAllBytes(folder["f"]);
        int headerBytes = (int)BinaryPrimitives.ReadInt64LittleEndian(file);
        Assert.That(headerBytes % 8, Is.Zero);
        Assert.That(Encoding.UTF8.GetString(file, 8, headerBytes).TrimEnd(' '), Is.EqualTo(
            """{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},"""
            + "\"b\":{\"dtype\":\"BF16\",\"shape\":[1],\"data_offsets\":[8,10]}}"));
        Assert.That(Convert.ToHexString(file[(8 + headerBytes)..]), Is.EqualTo("0000803F000000C0803F"));
    }

    [Test]
    public void Every_half_and_every_bfloat16_is_read_exactly()
    {
        using var folder = new TemporaryFolder();
        byte[] data = new byte[65536 * 2];
        for (int i = 0; i < 65536; i++)
            BinaryPrimitives.WriteUInt16LittleEndian(data.AsSpan(2 * i), (ushort)i);
        folder.Write("half", Of(Header(Entry("x", "F16", "[65536]", 0, 131072)), data));
        folder.Write("brain", Of(Header(Entry("x", "BF16", "[256,256]", 0, 131072)), data));
        using var half = SafetensorsReader.Open(folder["half"]);
        using var brain = SafetensorsReader.Open(folder["brain"]);
        float[] halves = Read(half, "x"), brains = Read(brain, "x");
        for (int i = 0; i < 65536; i++)
        {
            Assert.That(halves[i], Is.EqualTo((float)BitConverter.UInt16BitsToHalf((ushort)i)));
            Assert.That(BitConverter.SingleToInt32Bits(brains[i]), Is.EqualTo(i << 16));
        }
    }

    [TestCase(SafetensorsDtype.F16)]
    [TestCase(SafetensorsDtype.BF16)]
    public void Sixteen_bits_round_to_the_nearest_and_ties_to_even(SafetensorsDtype dtype)
    {
        // Half keeps 10 bits after the point, BF16 keeps 7; u is half a unit in the last place of 1.
        float u = dtype == SafetensorsDtype.F16 ? MathF.Pow(2, -11) : MathF.Pow(2, -8);
        float[] values =
            [1, 1 + u, 1 + u * 1.01f, 1 + 3 * u, -1 - u, float.NaN, float.NegativeInfinity, 0.3f];
        float[] expected = [1, 1, 1 + 2 * u, 1 + 4 * u, -1, float.NaN, float.NegativeInfinity, 0];
        using var folder = new TemporaryFolder();
        var writer = new SafetensorsWriter();
        writer.Add("x", [8], values, dtype);
        writer.Save(folder["f"]);
        using var file = SafetensorsReader.Open(folder["f"]);
        float[] read = Read(file, "x");
        Assert.That(read[..7], Is.EqualTo(expected[..7]));
        Assert.That(Math.Abs(read[7] - 0.3f), Is.LessThanOrEqualTo(u * 0.25f)); // 0.3 lies in [1/4, 1/2)
    }

    // The writer stores pieces of 2^18 numbers; the last is shorter.
    [TestCase(SafetensorsDtype.F32)]
    [TestCase(SafetensorsDtype.F16)]
    [TestCase(SafetensorsDtype.BF16)]
    public void A_tensor_of_several_pieces_comes_back(SafetensorsDtype dtype)
    {
        float[] values = [.. Enumerable.Range(0, (1 << 19) + 7).Select(i => i % 251 - 125f)]; // exact in all
        using var folder = new TemporaryFolder();
        var writer = new SafetensorsWriter();
        writer.Add("x", [values.Length], values, dtype);
        writer.Save(folder["f"]);
        using var file = SafetensorsReader.Open(folder["f"]);
        Assert.That(Read(file, "x"), Is.EqualTo(values));
    }

    [Test]
    public void A_value_too_large_for_half_is_refused_and_nothing_is_left()
    {
        using var folder = new TemporaryFolder();
        var writer = new SafetensorsWriter();
        writer.Add("x", [2], new[] { 0f, 65520f }, SafetensorsDtype.F16);
        BadInput.Refused(() => writer.Save(folder["f"]), "\"x\"", "65520");
        Assert.That(folder.Files(), Is.Empty);
    }

    [Test]
    public void A_source_is_asked_in_pieces_in_order_and_parts_can_be_read()
    {
        const int Length = (1 << 19) + 7;
        using var folder = new TemporaryFolder();
        var writer = new SafetensorsWriter();
        long next = 0;
        writer.Add("x", [Length], (start, piece) =>
        {
            Assert.That(start, Is.EqualTo(next));
            next += piece.Length;
            for (int i = 0; i < piece.Length; i++)
                piece[i] = start + i;
        });
        writer.Save(folder["f"]);
        Assert.That(next, Is.EqualTo(Length));
        using var file = SafetensorsReader.Open(folder["f"]);
        float[] part = new float[5];
        file.Read("x", Length - 5, part);
        Assert.That(part, Is.EqualTo(Enumerable.Range(Length - 5, 5).Select(i => (float)i)));
        Assert.Throws<ArgumentOutOfRangeException>(() => file.Read("x", Length - 4, part));
        Assert.Throws<ArgumentOutOfRangeException>(() => file.Read("x", -1, part));
        Assert.Throws<ArgumentException>(() => file.Read("x", part));
    }

    [Test]
    public void Unaligned_data_of_old_writers_is_read()
    {
        using var folder = new TemporaryFolder();
        byte[] data = [0, 0, 0x80, 0x3F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];
        string header = Header(Entry("x", "F32", "[1]", 0, 4), Entry("n", "I64", "[1]", 4, 12));
        folder.Write("f", Of(header + (header.Length % 2 == 0 ? " " : ""), data));
        using var file = SafetensorsReader.Open(folder["f"]);
        Assert.That(Read(file, "x"), Is.EqualTo(new[] { 1f }));
        int[] n = new int[1];
        file.ReadInts("n", n);
        Assert.That(n, Is.EqualTo(new[] { -1 }));
    }

    [Test]
    public void A_missing_name_a_wrong_type_and_a_wide_integer_are_refused()
    {
        using var folder = new TemporaryFolder();
        byte[] data = [0, 0, 0, 0, 1, 0, 0, 0];
        folder.Write("f", Of(Header(Entry("n", "I64", "[1]", 0, 8)), data));
        using var file = SafetensorsReader.Open(folder["f"]);
        BadInput.Refused(() => file.Find("m"), "no tensor \"m\"", "\"n\"");
        BadInput.Refused(() => Read(file, "n"), "I64", "F32");
        BadInput.Refused(() => file.ReadInts("n", new int[1]), "4294967296");
    }

    [Test]
    public void A_closed_file_is_not_read()
    {
        using var folder = new TemporaryFolder();
        var file = SafetensorsReader.Open(folder.Write("f", Of(Header(Entry("x", "F32", "[1]", 0, 4)), 4)));
        file.Dispose();
        file.Dispose();
        Assert.Throws<ObjectDisposedException>(() => file.Read("x", new float[1]));
    }

    [Test]
    public void The_writer_refuses_what_it_could_not_read_back()
    {
        var writer = new SafetensorsWriter();
        writer.Add("x", [1], new float[1]);
        Assert.Throws<ArgumentException>(() => writer.Add("x", [1], new float[1]));
        Assert.Throws<ArgumentException>(() => writer.Add("__metadata__", [1], new float[1]));
        Assert.Throws<ArgumentException>(() => writer.Add("y", [2, 3], new float[5]));
        Assert.Throws<ArgumentException>(() => writer.Add("y", [1], new float[1], SafetensorsDtype.I32));
        BadInput.Refused(() => writer.Save("/dev/full"), "/dev/full");
    }
}
