using System.Text;

namespace HeadTap.Models.Tests;

/// <summary>The bytes are NumPy's, both ways; what is not one is refused.</summary>
sealed class NpyFileTests
{
    static byte[] Npy(string header, byte[] data, byte major = 1, int? claimed = null)
    {
        int length = claimed ?? header.Length;
        byte[] size = major == 1 ? [(byte)length, (byte)(length >> 8)]
            : [(byte)length, (byte)(length >> 8), (byte)(length >> 16), (byte)(length >> 24)];
        return [0x93, .. "NUMPY"u8, major, 0, .. size, .. Encoding.Latin1.GetBytes(header), .. data];
    }

    static string Dict(string shape, string descr = "<f4", string order = "False") =>
        $"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n";

    // numpy.save("f.npy", numpy.array([[1, -2, 3]], dtype="<f4")), numpy 1 and 2 alike.
    [Test]
    public void The_bytes_are_numpys()
    {
        using var folder = new TemporaryFolder();
        NpyFile.Write(folder["f.npy"], [1, 3], new[] { 1f, -2f, 3f });
        byte[] file = File.ReadAllBytes(folder["f.npy"]);
        byte[] expected =
            Npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3), }".PadRight(117) + "\n",
            Convert.FromHexString("0000803F000000C000004040"));
        Assert.That(file, Is.EqualTo(expected));
        Assert.That((file.Length - 12) % 64, Is.Zero);
    }

    static IEnumerable<int[]> Shapes() => [[], [1], [7], [0], [2, 0, 3], [2, 3, 5], [1, 300_001]];

    [TestCaseSource(nameof(Shapes))]
    public void Arrays_come_back(int[] shape)
    {
        using var folder = new TemporaryFolder();
        int length = shape.Aggregate(1, (p, e) => p * e);
        float[] values = [.. Enumerable.Range(0, length).Select(i => i * 0.5f - 3)];
        int[] ints = [.. Enumerable.Range(-2, length)];
        NpyFile.Write(folder["f.npy"], shape, values);
        NpyFile.WriteInts(folder["i.npy"], shape, ints);
        Assert.That(NpyFile.ReadFloats(folder["f.npy"]), Is.EqualTo((shape, values)));
        Assert.That(NpyFile.ReadInts(folder["i.npy"]), Is.EqualTo((shape, ints)));
    }

    [Test]
    public void Later_versions_and_a_vector_in_either_order_are_read()
    {
        using var folder = new TemporaryFolder();
        byte[] data = [0, 0, 0x80, 0x3F];
        folder.Write("2", Npy(Dict("(1,)"), data, major: 2));
        folder.Write("3", Npy(Dict("(1,)", order: "True"), data, major: 3));
        Assert.That(NpyFile.ReadFloats(folder["2"]).Values, Is.EqualTo(new[] { 1f }));
        Assert.That(NpyFile.ReadFloats(folder["3"]).Values, Is.EqualTo(new[] { 1f }));
    }

    [TestCase("(2, 3)", "<f8", "False", "float32")]
    [TestCase("(2, 3)", "<i4", "False", "float32")]
    [TestCase("(2, 3)", ">f4", "False", ">f4")]
    [TestCase("(2, 3)", "|O", "False", "|O")]
    [TestCase("(2, 3)", "<f4", "True", "Fortran")]
    [TestCase("(2, 4)", "<f4", "False", "does not fit")]
    [TestCase("(2, 2)", "<f4", "False", "does not fit")]
    [TestCase("(2147483647, 2147483647, 2147483647)", "<f4", "False", "does not fit")]
    [TestCase("(65536, 65536, 65536, 65536, 6)", "<f4", "False", "does not fit")]
    [TestCase("(2147483648,)", "<f4", "False", "too large")]
    [TestCase("(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, "
        + "1, 6)", "<f4", "False", "too large")]
    [TestCase("(-6,)", "<f4", "False", "header")]
    [TestCase("6", "<f4", "False", "header")]
    [TestCase("(6,)", "<f4", "Maybe", "header")]
    [TestCase("(__import__('os'),)", "<f4", "False", "header")]
    public void A_wrong_header_is_refused(string shape, string descr, string order, string word)
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("f.npy", Npy(Dict(shape, descr, order), new byte[24]));
        BadInput.Refused(() => NpyFile.ReadFloats(path), path, word);
    }

    [Test]
    public void Every_way_of_cutting_a_file_short_is_refused()
    {
        using var folder = new TemporaryFolder();
        byte[] whole = Npy(Dict("(2, 3)"), new byte[24]);
        for (int length = 0; length < whole.Length; length++)
            BadInput.Refused(() => NpyFile.ReadFloats(folder.Write("f.npy", whole[..length])), "f.npy");
        BadInput.Refused(() => NpyFile.ReadFloats(folder["none.npy"]), "no such file");
    }

    [Test]
    public void A_header_longer_than_the_file_is_refused_unread()
    {
        using var folder = new TemporaryFolder();
        BadInput.Refused(() =>
            NpyFile.ReadFloats(folder.Write("f", Npy(Dict("(6,)"), new byte[24], 2, -1))), "4294967295");
        BadInput.Refused(() =>
            NpyFile.ReadFloats(folder.Write("f", Npy(Dict("(6,)"), new byte[24], 1, 60_000))), "60000");
        BadInput.Refused(() =>
            NpyFile.ReadFloats(folder.Write("f", Npy(Dict("(6,)"), new byte[24], 9))), "begin");
    }

    [Test]
    public void A_length_that_does_not_fit_the_shape_is_a_defect()
    {
        Assert.Throws<ArgumentException>(() => NpyFile.Write("f", [2, 3], new float[5]));
        Assert.Throws<ArgumentOutOfRangeException>(() => NpyFile.WriteInts("f", [-1], new int[1]));
        BadInput.Refused(() => NpyFile.Write("/dev/full", [1], new float[1]), "/dev/full");
    }
}
