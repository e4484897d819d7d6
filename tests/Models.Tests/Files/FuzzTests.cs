using System.Diagnostics;
using System.Text;
using HeadTap.Runtime;

namespace HeadTap.Models.Tests;

/// <summary>
/// Valid files, mutated: each must be read or refused in one line. Anything else (another exception, a crash,
/// a hang, memory beyond a multiple of the file) is a defect. Seeded, so that a failure comes back.
/// </summary>
sealed class FuzzTests
{
    const int MostRounds = 20_000;
    const double MostSeconds = 1.5;

    // What parsers stumble over, put in anywhere.
    static readonly byte[][] Tokens =
    [
        .. new[]
        {
            "-1", "0", "1e9", "1e400", "-0.0", "2147483648", "9223372036854775807", "18446744073709551616",
            "null", "true",
            "\"", "\\", "\\u0000", "\\ud800", "{", "}", "[", "]", ":", ",", "\"x\":", "\n", "\r", "'", "(",
            ")", "__metadata__",
            "data_offsets", "F32", "BF16", "I64", "../", "/dev/zero", " ", new string('[', 64),
            new string('9', 400),
        }.Select(Encoding.UTF8.GetBytes),
        [0xFF], [0], [0xEF, 0xBB, 0xBF], [0xC0, 0x80], [0xED, 0xA0, 0x80],
    ];

    static byte[] Mutated(byte[] file, SeededRandom random)
    {
        List<byte> bytes = [.. file];
        for (int count = 1 + random.Next(3); count > 0 && bytes.Count > 0; count--)
        {
            int at = random.Next(bytes.Count), length = Math.Min(1 + random.Next(12), bytes.Count - at);
            switch (random.Next(8))
            {
                case 0: bytes[at] ^= (byte)(1 << random.Next(8)); break;
                case 1: bytes[at] = (byte)random.Next(256); break;
                case 2: bytes.RemoveRange(at, length); break;
                case 3: bytes.InsertRange(random.Next(bytes.Count), bytes.GetRange(at, length)); break;
                case 4: bytes.RemoveRange(at, bytes.Count - at); break;
                case 5: bytes[at] = (byte)('0' + random.Next(10)); break;
                default: bytes.InsertRange(at, Tokens[random.Next(Tokens.Length)]); break;
            }
        }
        return [.. bytes];
    }

    static void Fuzz(ulong seed, byte[] valid, Func<byte[], byte[]> wrap, Action<string> read)
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("fuzzed", wrap(valid));
        read(path); // the file is valid, and first-use costs are paid
        BadInput.Refused(() => read(folder.Write("none", [])));
        var clock = Stopwatch.StartNew();
        int round = 0, refused = 0;
        for (; round < MostRounds && clock.Elapsed.TotalSeconds < MostSeconds; round++)
        {
            byte[] file = wrap(Mutated(valid, new SeededRandom(seed, (ulong)round)));
            File.WriteAllBytes(path, file);
            long before = GC.GetAllocatedBytesForCurrentThread();
            string? message = Refusal(read, path, round, file);
            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.That(allocated, Is.LessThan(200_000 + 40L * file.Length), $"round {round}: {message}");
            refused += message is null ? 0 : 1;
        }
        TestContext.Out.WriteLine($"{round} rounds, {refused} refused");
        Assert.That(refused, Is.GreaterThan(round / 4).And.GreaterThan(0));
    }

    static string? Refusal(Action<string> read, string path, int round, byte[] file)
    {
        try
        {
            read(path);
            return null;
        }
        catch (UserException e)
        {
            Assert.That(e.Message,
                Has.Length.InRange(10, 2000).And.Not.Contains("\n").And.Not.Contains("\r"));
            return e.Message;
        }
        catch (Exception e)
        {
            throw new AssertionException($"round {round}: {e.GetType().Name} for "
                + $"{Convert.ToHexString(file)}", e);
        }
    }

    static void ReadAll(string path)
    {
        using SafetensorsReader file = SafetensorsReader.Open(path);
        foreach (SafetensorsEntry entry in file.Entries)
            if (entry.Dtype is SafetensorsDtype.I32 or SafetensorsDtype.I64)
                file.ReadInts(entry.Name, new int[entry.Length]);
            else if (entry.Dtype is SafetensorsDtype.F32 or SafetensorsDtype.F16 or SafetensorsDtype.BF16)
                file.Read(entry.Name, new float[entry.Length]);
    }

    static byte[] Written(Action<string> write)
    {
        using var folder = new TemporaryFolder();
        write(folder["f"]);
        return File.ReadAllBytes(folder["f"]);
    }

    static byte[] Safetensors() => Written(path =>
    {
        var writer = new SafetensorsWriter();
        writer.Metadata["format"] = "pt";
        writer.Add("h.0.ln_1.weight", [3], new float[3]);
        writer.Add("wte.weight", [2, 3], new float[6], SafetensorsDtype.BF16);
        writer.Add("half", [1, 1, 2], new float[2], SafetensorsDtype.F16);
        writer.AddInts("tokens", [4], new int[4]);
        writer.Save(path);
    });

    [Test]
    public void Safetensors_files() => Fuzz(1, Safetensors(), file => file, ReadAll);

    [Test]
    public void Safetensors_headers_of_the_right_length()
    {
        byte[] whole = Safetensors();
        int headerBytes = BitConverter.ToInt32(whole);
        Fuzz(2, whole[8..(8 + headerBytes)], header =>
            header.Length == 0 ? [] : SafetensorsBytes.Of(header, whole[(8 + headerBytes)..]),
            ReadAll);
    }

    [Test]
    public void Model_configs() =>
        Fuzz(3, Written(Gpt2.Small.Write), file => file, path => ModelConfig.Read(path));

    [Test]
    public void Indexes_of_sharded_weights()
    {
        using var folder = new TemporaryFolder();
        folder.Write("a.safetensors", Safetensors());
        byte[] index = Encoding.UTF8.GetBytes(
            """{"metadata":{"total_size":20},"weight_map":{"h.0.ln_1.weight":"a.safetensors","""
            + "\"wte.weight\":\"a.safetensors\","
            + "\"half\":\"a.safetensors\",\"tokens\":\"a.safetensors\"}}");
        Fuzz(4, index, file => file, path =>
        {
            File.Copy(path, folder["f.index.json"], overwrite: true);
            SafetensorsShards.Open(folder["f.index.json"]).Dispose();
        });
    }

    [Test]
    public void Npy_files() =>
        Fuzz(5, Written(path => NpyFile.Write(path, [2, 3], new float[6])), file => file,
        path => NpyFile.ReadFloats(path));

    [Test]
    public void Manifests() => Fuzz(6, Written(new Manifest
    {
        Command = "trace", Seed = 7, Device = "cpu", Created = DateTimeOffset.UnixEpoch,
        Options = Manifest.OptionsOf(new { Sites = new[] { "a", "b" } }),
    }.Write), file => file, path => Manifest.Read(path));
}
