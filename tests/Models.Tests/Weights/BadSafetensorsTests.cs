using System.Buffers.Binary;
using System.Text;
using static HeadTap.Models.Tests.SafetensorsBytes;

namespace HeadTap.Models.Tests;

/// <summary>Damaged and hostile safetensors files: each is one clear line, and costs next to no
/// memory.</summary>
sealed class BadSafetensorsTests
{
    const string Good = """{"x":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}""";

    static void Refused(byte[] file, params string[] words)
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("bad.safetensors", file);
        long before = GC.GetAllocatedBytesForCurrentThread();
        BadInput.Refused(() => SafetensorsReader.Open(path).Dispose(), [path, .. words]);
        // The exception, its message and the map cost some tens of KB whatever the file says.
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(500_000 + 8L * file.Length));
    }

    [Test]
    public void The_good_file_of_these_tests_is_good()
    {
        using var folder = new TemporaryFolder();
        SafetensorsReader.Open(folder.Write("f", Of(Good, 24))).Dispose();
        SafetensorsReader.Open(folder.Write("g", Of("{}", 0))).Dispose();
    }

    [Test]
    public void A_missing_file_or_a_folder_is_refused()
    {
        using var folder = new TemporaryFolder();
        BadInput.Refused(() => SafetensorsReader.Open(folder["none"]), folder["none"], "no such file");
        BadInput.Refused(() => SafetensorsReader.Open(folder["none/none"]), "no such file");
        BadInput.Refused(() => SafetensorsReader.Open(folder.Path), "folder");
    }

    [Test]
    public void Every_way_of_cutting_a_file_short_is_refused()
    {
        byte[] whole = Of(Good, 24);
        for (int length = 0; length < whole.Length; length++)
            Refused(whole[..length], length < 8 ? "at least 8" : length < 8 + Good.Length ? "claims" : "24");
    }

    [TestCase(1000UL)]
    [TestCase(100_000_001UL)]
    [TestCase(0x7FFF_FFFF_FFFF_FFFFUL)]
    [TestCase(0x8000_0000_0000_0000UL)]
    [TestCase(0xFFFF_FFFF_FFFF_FFFFUL)]
    public void A_header_longer_than_the_file_is_refused(ulong claimed)
    {
        byte[] file = Of(Good, 24);
        BinaryPrimitives.WriteUInt64LittleEndian(file, claimed);
        Refused(file, claimed.ToString());
    }

    [Test]
    public void A_header_beyond_the_formats_limit_is_refused_unread()
    {
        using var folder = new TemporaryFolder();
        string path = folder["f"];
        using (FileStream sparse = File.Create(path))
        {
            byte[] length = new byte[8];
            BinaryPrimitives.WriteInt64LittleEndian(length, 150_000_000);
            sparse.Write(length);
            sparse.SetLength(200_000_000);
        }
        BadInput.Refused(() => SafetensorsReader.Open(path), "150000000", "100000000");
    }

    static IEnumerable<TestCaseData> Headers()
    {
        (string Name, string Header, string Word)[] cases =
        [
            ("not JSON", "hello!", "JSON"),
            ("a list", "[]", "header"),
            ("trailing text", "{} {}", "JSON"),
            ("zero padding", "{}\0\0", "JSON"),
            ("deep nesting", new string('[', 5000), "header"),
            ("deep nesting inside", """{"x":{"shape":""" + new string('[', 5000), "not a number"),
            ("deep metadata", """{"__metadata__":{"a":{"b":{"c":{"d":{}}}}}}""", "__metadata__"),
            ("unfinished", """{"x":{"dtype":"F32","shape":[2,""", "JSON"),
            ("duplicate names", Header(Entry("x", "F32", "[3]", 0, 12), Entry("x", "F32", "[3]", 12, 24)),
                "twice"),
            ("duplicate escaped names",
                Header(Entry("x", "F32", "[3]", 0, 12), Entry("\\u0078", "F32", "[3]", 12, 24)), "twice"),
            ("duplicate metadata", """{"__metadata__":{},"__metadata__":{}}""", "twice"),
            ("duplicate metadata key", """{"__metadata__":{"a":"1","a":"2"}}""", "twice"),
            ("metadata number", """{"__metadata__":{"a":1}}""", "__metadata__"),
            ("metadata text", """{"__metadata__":"a"}""", "__metadata__"),
            ("a tensor that is a number", """{"x":1}""", "\"x\""),
            ("unknown dtype", Header(Entry("x", "F31", "[6]", 0, 24)), "F31"),
            ("dtype by number", Header(Entry("x", "11", "[6]", 0, 24)), "11"),
            ("dtype in small letters", Header(Entry("x", "f32", "[6]", 0, 24)), "f32"),
            ("wrong dtype for the bytes", Header(Entry("x", "F64", "[6]", 0, 24)), "48"),
            ("null dtype", """{"x":{"dtype":null,"shape":[6],"data_offsets":[0,24]}}""", "dtype"),
            ("no dtype", """{"x":{"shape":[6],"data_offsets":[0,24]}}""", "dtype"),
            ("no offsets", """{"x":{"dtype":"F32","shape":[6]}}""", "data_offsets"),
            ("one offset", """{"x":{"dtype":"F32","shape":[6],"data_offsets":[0]}}""", "data_offsets"),
            ("three offsets",
                """{"x":{"dtype":"F32","shape":[6],"data_offsets":[0,24,24]}}""", "data_offsets"),
            ("unknown field", """{"x":{"dtype":"F32","shape":[6],"data_offsets":[0,24],"a":1}}""", "\"a\""),
            ("repeated field",
                """{"x":{"dtype":"F32","shape":[6],"shape":[6],"data_offsets":[0,24]}}""", "shape"),
            ("negative extent", Header(Entry("x", "F32", "[-6]", 0, 24)), "size"),
            ("two negative extents", Header(Entry("x", "F32", "[-2,-3]", 0, 24)), "size"),
            ("fractional extent", Header(Entry("x", "F32", "[6.0]", 0, 24)), "size"),
            ("text extent", Header(Entry("x", "F32", "[\"6\"]", 0, 24)), "not a number"),
            ("extent beyond 64 bits", Header(Entry("x", "F32", "[99999999999999999999]", 0, 24)), "size"),
            ("huge extent", Header(Entry("x", "F32", "[9223372036854775807]", 0, 24)), "impossible"),
            ("product that wraps to the right size",
                Header(Entry("x", "F32", "[4611686018427387904,4,6]", 0, 24)), "impossible"),
            ("bytes that wrap to zero", Header(Entry("x", "F32", "[4611686018427387904]", 0, 0)),
                "impossible"),
            ("too many axes", Header(Entry("x", "F32", "[" + string.Join(',', Enumerable.Repeat(1, 17))
                + ",6]", 0, 24)), "16"),
            ("shape too small", Header(Entry("x", "F32", "[5]", 0, 24)), "20"),
            ("shape too large", Header(Entry("x", "F32", "[7]", 0, 24)), "28"),
            ("offsets beyond the data", Header(Entry("x", "F32", "[7]", 0, 28)), "24 bytes"),
            ("offsets far beyond",
                Header(Entry("x", "F32", "[6]", 4611686018427387904, 4611686018427387928)), "24 bytes"),
            ("offsets reversed", Header(Entry("x", "F32", "[6]", 24, 0)), "24 bytes"),
            ("overlap", Header(Entry("x", "F32", "[4]", 0, 16), Entry("y", "F32", "[4]", 8, 24)), "overlaps"),
            ("same place twice", Header(Entry("x", "F32", "[6]", 0, 24), Entry("y", "F32", "[6]", 0, 24)),
                "overlaps"),
            ("hole", Header(Entry("x", "F32", "[2]", 0, 8), Entry("y", "F32", "[2]", 16, 24)),
                "belong to nothing"),
            ("hole at the start", Header(Entry("x", "F32", "[5]", 4, 24)), "belong to nothing"),
            ("rest", Header(Entry("x", "F32", "[5]", 0, 20)), "belong to no tensor"),
            ("lines in a name", Header(Entry("a\\nb\\u2028c", "F32", "[5]", 0, 24)), "a?b?c"),
            ("endless name", Header(Entry(new string('n', 5000), "F32", "[5]", 0, 24)), "nnn..."),
            ("half a surrogate pair", Header(Entry("\\ud800", "F32", "[6]", 0, 24)), "JSON"),
        ];
        return cases.Select(c => new TestCaseData(c.Header, c.Word).SetArgDisplayNames(c.Name));
    }

    [TestCaseSource(nameof(Headers))]
    public void A_wrong_header_is_refused(string header, string word) => Refused(Of(header, 24), word);

    [Test]
    public void Text_that_is_not_utf8_is_refused()
    {
        byte[] header = Encoding.UTF8.GetBytes(Good);
        header[2] = 0xFF;
        Refused(Of(header, new byte[24]), "JSON");
    }
}
