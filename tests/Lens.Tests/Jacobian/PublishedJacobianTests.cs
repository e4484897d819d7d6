using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text;
using HeadTap.Kernels.Tests;
using HeadTap.Models;
using HeadTap.Models.Tests;
using HeadTap.Runtime;

namespace HeadTap.Lens.Tests;

/// <summary>Published Jacobian lenses: files that torch.save wrote, by hand and by this program.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class PublishedJacobianTests : IDisposable
{
    const string Hash = JacobianFiles.Hash;

    static readonly ModelConfig Config =
        new() { VocabSize = 37, ContextLength = 12, Width = 4, Layers = 3, Heads = 2, Inner = 28 };

    static readonly Half[] s_first = [.. Enumerable.Range(0, 16).Select(i => (Half)(i / 8.0 - 1))];

    static readonly Half[] s_second = [.. Enumerable.Range(0, 17).Select(i => (Half)(3 - i / 4.0))];

    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Test]
    public void A_file_comes_back_as_float16()
    {
        using var test = new TestModel("cpu512", Config);
        string folder = JacobianFiles.Write(test, _folder["lens"], JacobianSite.ResidPost, [0, 1]);
        LensMetadata facts = LensFolder.ReadFacts(folder);
        using (LensSet lens = LensFolder.Load(test.Model, Hash, folder, null, 1))
        {
            PublishedJacobian.Write(lens, facts, _folder["a.pt"]);
            PublishedJacobian.Write(lens, facts, _folder["again/a.pt"]);
        }
        Assert.That(File.ReadAllBytes(_folder["a.pt"]), Is.EqualTo(File.ReadAllBytes(_folder["again/a.pt"])));
        (LensSet back, LensMetadata read) = PublishedJacobian.Read(test.Model, Hash, _folder["a.pt"]);
        using (back)
            foreach (int layer in (int[])[0, 1])
                Assert.That(back[layer].Parameters[0].Value.ToArray(),
                    Is.EqualTo(JacobianFiles.Matrix(test, layer).Select(v => (float)(Half)v)));
        Assert.That(read.Lens.Site, Is.EqualTo(JacobianSite.ResidPost));
        Assert.That(read.Layers, Is.EqualTo((int[])[0, 1]));
        Assert.That(read.Steps, Is.EqualTo((int[])[5, 5]));
        Assert.That((string?)read.Training!["provenance"]!["program"], Is.EqualTo("headtap"));
        Assert.That((string?)read.Training["sha256"], Is.EqualTo(FileHash.Sha256(_folder["a.pt"])));
    }

    [Test]
    public void A_flipped_bit_of_a_matrix_is_refused()
    {
        using var test = new TestModel("cpu512", Config);
        string folder = JacobianFiles.Write(test, _folder["lens"], JacobianSite.ResidPost, [0, 1]);
        using (LensSet lens = LensFolder.Load(test.Model, Hash, folder, null, 1))
            PublishedJacobian.Write(lens, LensFolder.ReadFacts(folder), _folder["a.pt"]);
        byte[] bytes = File.ReadAllBytes(_folder["a.pt"]);
        byte[] matrix = MemoryMarshal.AsBytes<Half>(
            [.. JacobianFiles.Matrix(test, 1).Select(v => (Half)v)]).ToArray();
        bytes[bytes.AsSpan().IndexOf(matrix) + 7] ^= 4;
        File.WriteAllBytes(_folder["b.pt"], bytes);
        Assert.That(() => PublishedJacobian.Read(test.Model, Hash, _folder["b.pt"]),
            Throws.TypeOf<UserException>().With.Message.Contains("data/1").And.Message.Contains("checksum"));
    }

    // The bytes that Python's pickler makes of such a file: objects are remembered and named again.
    [Test]
    public void A_file_as_torch_writes_it_is_read()
    {
        using var test = new TestModel("cpu512", Config);
        (LensSet lens, LensMetadata facts) =
            PublishedJacobian.Read(test.Model, Hash, Zip("torch.pt", TorchBytes()));
        using (lens)
        {
            Assert.That(lens.Layers, Is.EqualTo((int[])[0, 1]));
            Assert.That(lens[0].Parameters[0].Value.ToArray(), Is.EqualTo(s_first.Select(v => (float)v)));
            // Layer 1 lies in its storage transposed, from the second number on.
            Assert.That(lens[1].Parameters[0].Value.ToArray(), Is.EqualTo(
                Enumerable.Range(0, 16).Select(i => (float)s_second[1 + i % 4 * 4 + i / 4])));
        }
        Assert.That(facts.Steps, Is.All.EqualTo(300));
        Assert.That(facts.Training!["provenance"]!.ToJsonString(),
            Is.EqualTo("""{"bos":true,"tolerance":0.002,"layers":[0,1],"note":null}"""));
    }

    [Test]
    public void A_name_that_runs_code_is_refused_and_not_run()
    {
        string marker = _folder["ran"];
        byte[] evil = [0x80, 2, .. "cos\nsystem\n("u8, (byte)'X', .. Length($"touch {marker}"),
            .. Encoding.UTF8.GetBytes($"touch {marker}"), .. "tR."u8];
        Refused(Zip("evil.pt", evil), "os.system", "nothing was run");
        Assert.That(File.Exists(marker), Is.False);
    }

    [Test]
    public void Other_layouts_are_one_line()
    {
        byte[] good = TorchBytes();
        Refused(_folder.Write("text.pt", "no zip at all"), "no zip that torch.save wrote");
        Refused(Zip("four.pt", [0x80, 4, .. good[2..]]), "no pickle of protocol 2");
        Refused(Zip("short.pt", good[..^9]), "ends early");
        Refused(Zip("opcode.pt", [0x80, 2, 0x95, (byte)'.']), "opcode 0x95");
        Refused(Zip("empty.pt", [0x80, 2, (byte)'.']), "ends with 0 objects");
        Refused(Zip("list.pt", [0x80, 2, .. "]."u8]), "no dictionary with J and n_prompts");
        Refused(Zip("none.pt", good, named: "archive/other.pkl"), "no data.pkl");
        Refused(Zip("storage.pt", good, second: s_second[1..]), "layer 1 are missing or cut short");
        Refused(Zip("big.pt", good, order: "big"), "not little-endian");
        Refused(Zip("nan.pt", good, first: [.. s_first[1..], Half.NaN]), "not finite");
        Refused(Zip("again.pt", [0x80, 2, .. "}(X"u8, .. Length("J"), .. "J"u8, .. "]q\0h\0au."u8]),
            "no dictionary with J");
        // A provenance that holds itself.
        byte[] loop = [.. good[..^2], (byte)'X', .. Length("provenance"), .. "provenance]q"u8, 99,
            (byte)'h', 99, .. "au."u8];
        Refused(Zip("loop.pt", loop), "nested without end");
    }

    [Test]
    public void Another_model_is_one_line()
    {
        using var wide = new TestModel("cpu512");
        BadInput.Refused(() => PublishedJacobian.Read(wide.Model, Hash, Zip("a.pt", TorchBytes())),
            "d_model is 4", "width is 20");
        using var low = new TestModel("cpu512", Config with { Layers = 1 });
        BadInput.Refused(() => PublishedJacobian.Read(low.Model, Hash, Zip("b.pt", TorchBytes())),
            "layer from 0 to 0");
        using var test = new TestModel("cpu512", Config);
        using LanguageModel processed = WeightProcessing.TransformerLens(test.Model);
        BadInput.Refused(() => PublishedJacobian.Read(processed, Hash, Zip("c.pt", TorchBytes())),
            "raw weights");
        BadInput.Refused(() => PublishedJacobian.RequireSite(new()
        {
            Kind = LensKind.Jacobian, Site = JacobianSite.ResidMid,
        }), "at resid_mid");
        string folder = JacobianFiles.Write(test, _folder["lens"], JacobianSite.ResidPost, [0]);
        using LensSet large = LensFolder.Load(test.Model, Hash, folder, null, 1);
        large[0].Parameters[0].Value.Upload(Numbers.Normal(1, 16, 70000));
        BadInput.Refused(() => PublishedJacobian.Write(large, LensFolder.ReadFacts(folder), _folder["x.pt"]),
            "too large for float16");
        Assert.That(File.Exists(_folder["x.pt"]), Is.False);
    }

    void Refused(string path, params string[] words)
    {
        using var test = new TestModel("cpu512", Config);
        BadInput.Refused(() => PublishedJacobian.Read(test.Model, Hash, path),
            [.. words, Path.GetFileName(path)]);
    }

    string Zip(string name, byte[] pickle, string named = "archive/data.pkl", Half[]? first = null,
        Half[]? second = null, string order = "little")
    {
        using (var file = File.Create(_folder[name]))
        using (var zip = new ZipArchive(file, ZipArchiveMode.Create))
        {
            void Add(string entry, ReadOnlySpan<byte> bytes)
            {
                using Stream to = zip.CreateEntry(entry, CompressionLevel.NoCompression).Open();
                to.Write(bytes);
            }
            Add(named, pickle);
            Add("archive/byteorder", Encoding.ASCII.GetBytes(order));
            Add("archive/data/0", MemoryMarshal.AsBytes((first ?? s_first).AsSpan()));
            Add("archive/data/1", MemoryMarshal.AsBytes((second ?? s_second).AsSpan()));
            Add("archive/version", "3\n"u8);
            Add("archive/.data/serialization_id", "0123"u8);
        }
        return _folder[name];
    }

    static byte[] TorchBytes()
    {
        var bytes = new List<byte> { 0x80, 2, (byte)'}', (byte)'q', 0, (byte)'(' };
        int next = 1;
        void Text(string text) => bytes.AddRange(
            [(byte)'X', .. Length(text), .. Encoding.UTF8.GetBytes(text), (byte)'q', (byte)next++]);
        void Op(params ReadOnlySpan<byte> op) => bytes.AddRange(op);
        Text("J");
        Op((byte)'}', (byte)'q', (byte)next++, (byte)'(');
        Op((byte)'K', 0);
        Op([.. "ctorch._utils\n_rebuild_tensor_v2\nq"u8, 100, .. "(("u8]);
        Op([(byte)'X', .. Length("storage"), .. "storageq"u8, 101]);
        Op([.. "ctorch\nHalfStorage\nq"u8, 102]);
        Text("0");
        Op([(byte)'X', .. Length("cpu"), .. "cpuq"u8, 103, (byte)'K', 16, .. "tq"u8, 104, (byte)'Q']);
        Op([.. "K\0K\u0004K\u0004"u8, 0x86, .. "K\u0004K\u0001"u8, 0x86, 0x89]);
        Op([.. "ccollections\nOrderedDict\nq"u8, 105, .. ")RtR"u8]);
        Op([.. "K\u0001h"u8, 100, .. "((h"u8, 101, (byte)'h', 102]);
        Text("1");
        Op([(byte)'h', 103, (byte)'K', 17, (byte)'t', (byte)'Q']);
        Op([.. "K\u0001K\u0004K\u0004"u8, 0x86, .. "K\u0001K\u0004"u8, 0x86, 0x89, (byte)'h', 105]);
        Op(")RtRu"u8);
        Text("n_prompts");
        Op((byte)'M', 0x2c, 0x01);
        Text("source_layers");
        Op([.. "]("u8, .. "K\0K\u0001e"u8]);
        Text("d_model");
        Op((byte)'K', 4);
        Text("provenance");
        Op((byte)'}', (byte)'(');
        Text("bos");
        Op(0x88);
        Text("tolerance");
        Op([(byte)'G', .. BitConverter.GetBytes(0.002).Reverse()]);
        Text("layers");
        Op([.. "](K\0K\u0001e"u8]);
        Text("note");
        Op((byte)'N');
        Op("uu."u8);
        return [.. bytes];
    }

    static byte[] Length(string text) => BitConverter.GetBytes(Encoding.UTF8.GetByteCount(text));
}
