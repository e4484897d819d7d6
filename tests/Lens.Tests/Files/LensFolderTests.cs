using HeadTap.Kernels.Tests;
using HeadTap.Models;
using HeadTap.Models.Tests;

namespace HeadTap.Lens.Tests;

public class LensFolderTests
{
    const string Hash = "0123456789abcdef", OtherHash = "fedcba9876543210";

    static readonly LensKind[] Kinds = Enum.GetValues<LensKind>();

    [TestCaseSource(nameof(Kinds))]
    public void A_lens_comes_back_to_the_bit(LensKind kind)
    {
        using var test = new TestModel("cpu512");
        using var folder = new TemporaryFolder();
        using LensSet lens = Moved(test.Model, kind, [0, 1], 1);
        LensMetadata facts = LensMetadata.Of(lens, Hash) with { Steps = [3, 4], ValidationKl = [0.5, null] };
        LensFolder.Save(folder["lens"], facts, lens, new HashSet<int> { 0, 1 });
        using LensSet back = LensFolder.Load(test.Model, Hash, folder["lens"], null, 3);
        Assert.That(back.Options, Is.EqualTo(lens.Options));
        Assert.That(back.Layers, Is.EqualTo(new[] { 0, 1 }));
        AssertSame(back, lens, 0, 1);
        using LensSet one = LensFolder.Load(test.Model, Hash, folder["lens"], [1], 3);
        Assert.That(one.Layers, Is.EqualTo(new[] { 1 }));
        AssertSame(one, lens, 1);
        Assert.That(LensFolder.ReadFacts(folder["lens"]).ToString(), Is.EqualTo(facts.ToString()));
        Assert.That(File.ReadAllText(folder["lens/lens.json"]), Is.EqualTo(facts + "\n"));
        Assert.That(LensFolder.Unigram(folder["lens"]), Is.Null);
    }

    [Test]
    public void Layers_that_are_not_fresh_are_copied_and_counts_are_kept()
    {
        using var test = new TestModel("cpu512");
        using var folder = new TemporaryFolder();
        using LensSet old = Moved(test.Model, LensKind.Thin, [0, 1], 1),
            anew = Moved(test.Model, LensKind.Thin, [1], 2);
        long[] counts = [.. Enumerable.Range(0, 36).Select(v => (long)v), long.MaxValue];
        LensMetadata facts = LensMetadata.Of(old, Hash);
        LensFolder.Save(folder["lens"], facts, old, new HashSet<int> { 0, 1 }, counts);
        LensFolder.Save(folder["lens"], facts with { Steps = [0, 9] }, anew, new HashSet<int> { 1 });
        using LensSet back = LensFolder.Load(test.Model, Hash, folder["lens"], null, 3);
        AssertSame(back, old, 0);
        AssertSame(back, anew, 1);
        Assert.That(LensFolder.ReadFacts(folder["lens"]).Steps, Is.EqualTo(new[] { 0, 9 }));
        Assert.That(LensFolder.Unigram(folder["lens"]), Is.EqualTo(
            (int[])[.. Enumerable.Range(0, 36), int.MaxValue]));
        LensFolder.Save(folder["lens"], facts, old, new HashSet<int> { 0, 1 }); // all layers are fresh
        Assert.That(LensFolder.Unigram(folder["lens"])![36], Is.EqualTo(int.MaxValue));
        // Counts of another vocabulary are none of this one's.
        LensFolder.Save(folder["lens"], facts, old, new HashSet<int> { 0, 1 }, [1, 2, 3]);
        LensFolder.Save(folder["lens"], facts, anew, new HashSet<int> { 1 });
        Assert.That(LensFolder.Unigram(folder["lens"]), Is.Null);
        BadInput.Refused(() => LensFolder.Save(folder["none"], facts, anew, new HashSet<int> { 1 }), "none");
        Assert.That(Directory.Exists(folder["none"]), Is.False);
    }

    [Test]
    public void A_lens_of_another_model_is_refused()
    {
        using var test = new TestModel("cpu512");
        using var folder = new TemporaryFolder();
        Save(test.Model, folder["lens"], LensKind.Thin);
        BadInput.Refused(() => LensFolder.Load(test.Model, OtherHash, folder["lens"], null, 3).Dispose(),
            "the lens was made for a model with hash 0123456789ab, and this one's is fedcba987654");
        Refused(TestModel.Small with { VocabSize = 38 }, "a vocabulary of 37 tokens and the model one of 38");
        Refused(TestModel.Small with { Heads = 5 }, "is for 4 heads, a width of 20", "the model has 5, 20");
        Refused(TestModel.Small with { Width = 24 }, "the model has 4, 24");
        Refused(TestModel.Small with { Layers = 1 }, "layers up to 1", "and 1 layer");
        void Refused(ModelConfig config, params string[] words) => BadInput.Refused(
            () => LensFolder.RequireFor("lens", LensFolder.ReadFacts(folder["lens"]), config, Hash), words);
    }

    [Test]
    public void A_layer_that_is_not_there_is_named()
    {
        using var test = new TestModel("cpu512");
        using var folder = new TemporaryFolder();
        using LensSet lens = Moved(test.Model, LensKind.Thin, [1], 1);
        LensFolder.Save(folder["lens"], LensMetadata.Of(lens, Hash), lens, new HashSet<int> { 1 });
        BadInput.Refused(() => LensFolder.Load(test.Model, Hash, folder["lens"], [0], 3).Dispose(),
            "the lens has no layer 0; it has 1");
        BadInput.Refused(() => _ = lens[0], "the lens has no layer 0; it has 1");
    }

    [Test]
    public void A_missing_or_cut_file_is_named()
    {
        using var folder = new TemporaryFolder();
        BadInput.Refused(() => LensFolder.ReadFacts(folder["no"]),
            "no lens.safetensors is there; expected a folder that `lens train` wrote");
        BadInput.Refused(() => LensFolder.Unigram(folder["no"]), "no lens.safetensors");
        Directory.CreateDirectory(folder["cut"]);
        folder.Write("cut/lens.safetensors", "abc");
        BadInput.Refused(() => LensFolder.ReadFacts(folder["cut"]), "3 bytes", "cut short");
    }

    [TestCase("\"thin\"", "\"thick\"", "damaged")]
    [TestCase("\"thin\"", "5", "damaged")]
    [TestCase("headtap-lens-1", "headtap-lens-9", "not a lens of this version (headtap-lens-1)")]
    [TestCase("\"steps\"", "\"stops\"", "damaged")]
    [TestCase("\"heads\": 4", "\"heads\": \"four\"", "damaged")]
    [TestCase("\"heads\": 4,", "", "damaged")]
    [TestCase("0,", "1,", "damaged (its layers)")]
    [TestCase("}", "", "damaged")]
    public void Damaged_facts_are_refused(string what, string by, string words)
    {
        using var test = new TestModel("cpu512");
        using var folder = new TemporaryFolder();
        Save(test.Model, folder["lens"], LensKind.Thin);
        string facts = LensFolder.ReadFacts(folder["lens"]).ToString(), changed = facts.Replace(what, by);
        Assert.That(changed, Is.Not.EqualTo(facts), "the facts have it");
        Rewrite(folder["lens"], changed);
        BadInput.Refused(() => LensFolder.ReadFacts(folder["lens"]), words, "lens.safetensors");
    }

    [Test]
    public void A_file_without_facts_and_wrong_tensors_are_refused()
    {
        using var test = new TestModel("cpu512");
        using var folder = new TemporaryFolder();
        Save(test.Model, folder["lens"], LensKind.Thin);
        string facts = LensFolder.ReadFacts(folder["lens"]).ToString();
        Rewrite(folder["lens"], null);
        BadInput.Refused(() => LensFolder.ReadFacts(folder["lens"]), "not a lens of this version");
        Rewrite(folder["lens"], facts, without: "layers.1.bias");
        Refused("has no tensor \"layers.1.bias\"");
        Save(test.Model, folder["lens"], LensKind.Thin);
        Rewrite(folder["lens"], facts.Replace("\"thin\"", "\"head\""));
        Refused("layers.0.weight is [37, 4, 5]; expected [37, 4, 20]");
        void Refused(string words) => BadInput.Refused(
            () => LensFolder.Load(test.Model, Hash, folder["lens"], null, 3).Dispose(), words);
    }

    static void Save(LanguageModel model, string folder, LensKind kind)
    {
        using LensSet lens = Moved(model, kind, [0, 1], 1);
        LensFolder.Save(folder, LensMetadata.Of(lens, Hash), lens, new HashSet<int> { 0, 1 });
    }

    // The same tensors, but for one, under other facts.
    static void Rewrite(string folder, string? facts, string? without = null)
    {
        string path = Path.Combine(folder, LensFolder.WeightsFile);
        var writer = new SafetensorsWriter();
        if (facts is not null)
            writer.Metadata["lens"] = facts;
        using (SafetensorsReader old = SafetensorsReader.Open(path))
            foreach (SafetensorsEntry entry in old.Entries.Where(e => e.Name != without))
            {
                float[] values = new float[entry.Shape.Aggregate(1L, (a, b) => a * b)];
                old.Read(entry.Name, values);
                writer.Add(entry.Name, [.. entry.Shape.Select(n => (int)n)], values);
            }
        writer.Save(path);
    }

    static LensSet Moved(LanguageModel model, LensKind kind, int[] layers, int seed)
    {
        LensSet lens = LensSet.Initial(model, LensKindTests.Options(kind) with
        {
            Site = kind == LensKind.Jacobian ? JacobianSite.ResidMid : null,
        }, layers, 3);
        foreach (int layer in layers)
            foreach (LensParameter p in lens[layer].Parameters)
                p.Value.Upload(Numbers.Normal(seed++, (int)p.Value.Length));
        return lens;
    }

    static void AssertSame(LensSet a, LensSet b, params int[] layers)
    {
        foreach (int layer in layers)
            foreach ((LensParameter p, LensParameter q) in a[layer].Parameters.Zip(b[layer].Parameters))
                Assert.That(p.Value.ToArray(), Is.EqualTo(q.Value.ToArray()), $"layers.{layer}.{p.Name}");
    }
}
