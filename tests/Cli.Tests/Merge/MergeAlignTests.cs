using System.Text.Json.Nodes;
using HeadTap.Merge;
using HeadTap.Models;

namespace HeadTap.Cli.Tests;

/// <summary>merge align, and merge run with align.</summary>
public sealed class MergeAlignTests
{
    static TemporaryFolder s_folder = null!;

    [OneTimeSetUp]
    public static void Write()
    {
        s_folder = new TemporaryFolder();
        DecoderWeights tiny = DecoderWeights.Read(TinyModel.Folder);
        ModelFolder.Write(s_folder["scrambled"], tiny.Config, Scrambler.Scrambled(tiny, 1).ToFlat(),
            tokenizerFrom: TinyModel.Folder);
        float[] bad = tiny.ToFlat();
        bad[7] = float.NaN;
        ModelFolder.Write(s_folder["nan"], tiny.Config, bad, tokenizerFrom: TinyModel.Folder);
        ModelConfig other = tiny.Config with { Layers = tiny.Config.Layers + 1 };
        ModelFolder.Write(s_folder["deeper"], other, new float[new ParameterLayout(other).TotalLength],
            tokenizerFrom: TinyModel.Folder);
        s_folder.Write("batch.json", "[[1,2,3,4,5,6,7,8],[9,8,7,6,5,4]]");
        var random = new SeededRandom(2);
        s_folder.Write("many.json", "[" + string.Join(',', Enumerable.Range(0, 20).Select(_ =>
            $"[{string.Join(',', Enumerable.Range(0, 20).Select(_ => random.Next(280)))}]")) + "]");
        s_folder.Write("text.txt", "the city of the river and the mountain\n");
        s_folder.Write("empty.json", "[[1]]");
    }

    [OneTimeTearDown]
    public static void Remove() => s_folder.Dispose();

    static float[] Read(string folder, bool heads = true)
    {
        DecoderWeights weights = DecoderWeights.Read(folder);
        float[] flat = weights.ToFlat();
        return [.. new ParameterLayout(weights.Config).Slices
            .Where(s => heads || !s.Name.Contains(".attn.", StringComparison.Ordinal))
            .SelectMany(s => flat[(int)s.Offset..(int)(s.Offset + s.Length)])];
    }

    static string[] Align(string other, string name, params string[] rest) => ["merge", "align", "--model",
        TinyModel.Folder, "--model", s_folder[other], .. rest, "--out", s_folder[name]];

    [TestCase("weights", "--batch", "batch.json")]
    [TestCase("straight_through", "--batch", "batch.json")]
    [TestCase("activations", "--batch", "many.json")]
    [TestCase("weights", "--text-file", "text.txt")]
    public void A_scrambled_model_comes_back(string by, string option, string file)
    {
        string name = $"back-{by}{option}";
        string[] steps = by == "straight_through" ? ["--steps", "1"] : [];
        JsonNode json = Headtap.Done(Align("scrambled", name, [option, s_folder[file], "--by", by,
            "--rescale", "--points", "5", "--json", .. steps])).Json;
        Assert.That((double)json["barrier_after"]!, Is.LessThan(1e-4));
        Assert.That((double)json["barrier_before"]!, Is.GreaterThanOrEqualTo(0));
        Assert.That((double)json["barrier_rescaled"]!, Is.LessThan(1e-3));
        Assert.That((double)json["loss_out"]!, Is.EqualTo((double)json["loss_b"]!).Within(1e-4));
        Assert.That((double)json["stream_moved"]!, Is.GreaterThan(0.8));
        JsonArray layers = json["layers"]!.AsArray();
        Assert.That((int)layers[1]!["layer"]!, Is.EqualTo(1));
        Assert.That((double)layers[1]!["neurons_moved"]!, Is.GreaterThan(0.8));
        Assert.That((string?)json["model_hash"], Is.EqualTo(ModelFolder.Hash(s_folder[name])));
        // Straight-through learning looks for the least loss half-way. The maps inside heads that have it are
        // not those that undo the scrambling: the tiny model is no minimum.
        Assert.That(Read(s_folder[name], heads: by != "straight_through"),
            Is.EqualTo(Read(TinyModel.Folder, heads: by != "straight_through")).Within(1e-4));
    }

    [Test]
    public void A_rotation_writes_the_folded_partner()
    {
        JsonNode json = Headtap.Done(Align("scrambled", "turned", "--batch", s_folder["batch.json"],
            "--stream", "rotation", "--folded", s_folder["partner"], "--points", "3", "--json")).Json;
        Assert.That((double)json["barrier_after"]!, Is.LessThan(1e-4));
        Assert.That(Read(s_folder["turned"]), Is.EqualTo(Read(s_folder["partner"])).Within(2e-4));
        Assert.That(Headtap.Done(Align("scrambled", "words", "--batch", s_folder["batch.json"],
            "--stream", "rotation", "--points", "3")).Out, Does.Contain("stream: rotated")
            .And.Contain("barrier "));
    }

    [Test]
    public void Merge_run_aligns_first()
    {
        foreach (string method in (string[])["linear", "slerp"])
            Headtap.Done(["merge", "run", "--method", method, "--model", TinyModel.Folder, "--model",
                s_folder["scrambled"], "--align", "weights", "--out", s_folder[method],
                .. method == "slerp" ? (string[])["--t", "0.5"] : []]);
        foreach (string method in (string[])["linear", "slerp"])
            Assert.That(Read(s_folder[method]), Is.EqualTo(Read(TinyModel.Folder)).Within(1e-4));
        Headtap.Done("merge", "run", s_folder["linear/mergekit_config.yml"], "--out", s_folder["file"]);
        Assert.That(Read(s_folder["file"]), Is.EqualTo(Read(s_folder["linear"])));
        // The card and the manifest name the models that were given, not the copies.
        Assert.That(File.ReadAllText(s_folder["linear/README.md"]),
            Does.Contain(ModelFolder.Hash(s_folder["scrambled"])[..12]));
        Assert.That(Headtap.Refused("merge", "run", "--method", "linear", "--model", TinyModel.Folder,
            "--model", s_folder["scrambled"], "--align", "activations", "--out", s_folder["x"]),
            Does.Contain("--align-text is missing"));
        Assert.That(Headtap.Refused("merge", "run", "--method", "linear", "--model", TinyModel.Folder,
            "--model", s_folder["scrambled"], "--align", "wieghts", "--out", s_folder["x"]),
            Does.Contain("--align is \"wieghts\"; expected weights or activations or straight_through"));
    }

    [TestCase("scrambled", "", "expected one of --batch and --text-file")]
    [TestCase("scrambled", "--batch batch.json --text-file text.txt", "expected one of --batch")]
    [TestCase("scrambled", "--batch batch.json --by weight", "--by is \"weight\"; expected weights or ")]
    [TestCase("scrambled", "--batch batch.json --stream turn", "--stream is \"turn\"; expected order or ")]
    [TestCase("scrambled", "--batch batch.json --points 2", "--points is 2; expected 3 or more")]
    [TestCase("scrambled", "--batch batch.json --steps 3", "belong to straight_through")]
    [TestCase("scrambled", "--batch batch.json --folded p", "--folded belongs to a rotation")]
    [TestCase("scrambled", "--batch empty.json", "no text has two tokens")]
    [TestCase("scrambled", "--batch none.json", "none.json")]
    [TestCase("deeper", "--batch batch.json", "does not fit")]
    [TestCase("nan", "--batch batch.json", "nan")]
    [TestCase("missing", "--batch batch.json", "missing")]
    [TestCase("scrambled", "--batch batch.json --model scrambled", "3 models; expected --model twice")]
    public void Wrong_calls_are_named_and_nothing_is_written(string other, string rest, string message)
    {
        string[] words = [.. rest.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(w =>
            w.Contains('.', StringComparison.Ordinal) || w is "p" or "scrambled" ? s_folder[w] : w)];
        Assert.That(Headtap.Refused(Align(other, "wrong", words)), Does.Contain(message));
        Assert.That(Directory.Exists(s_folder["wrong"]) || Directory.Exists(s_folder["wrong.tmp"]), Is.False);
    }

    [Test]
    public void One_folder_is_no_pair()
    {
        Assert.That(Headtap.Refused("merge", "align", "--model", TinyModel.Folder, "--model",
            TinyModel.Folder + "/.", "--batch", s_folder["batch.json"], "--out", s_folder["wrong"]),
            Does.Contain("is both models"));
    }
}
