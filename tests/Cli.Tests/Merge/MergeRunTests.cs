using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Cli.Tests;

/// <summary>merge run and merge methods.</summary>
public sealed class MergeRunTests
{
    static TemporaryFolder s_folder = null!;

    [OneTimeSetUp]
    public static void Write()
    {
        s_folder = new TemporaryFolder();
        using ComputeDevice device = ComputeDevice.OpenHost();
        using var other = new LanguageModel(device, TinyModel.Config);
        other.Initialize(6);
        other.Save(s_folder["other"], TinyModel.Folder);
        WriteLinear("linear.yml", "0.75", "0.25");
        WriteLinear("zero.yml", "1", "-1");
        s_folder.Write("text.txt", "the capital of the north is a city\n");
        s_folder.Write("empty.txt", "a");
        s_folder.Write("rows.json", "[[1, 2, 3, 4], [5, 6, 7]]");
        s_folder.Write("wrong.yml", "merge_method: linaer\nmodels:\n  - model: x\n");
    }

    static void WriteLinear(string name, string first, string second) => s_folder.Write(name, $$"""
        merge_method: linear
        models:
          - model: {{TinyModel.Folder}}
            parameters: {weight: {{first}}}
          - model: {{s_folder["other"]}}
            parameters: {weight: {{second}}}
        """);

    [OneTimeTearDown]
    public static void Remove() => s_folder.Dispose();

    static float[] Read(string folder)
    {
        float[] flat = new float[new ParameterLayout(TinyModel.Config).TotalLength];
        ModelFolder.ReadParameters(folder, TinyModel.Config, flat);
        return flat;
    }

    static string[] By(string method, string name, params string[] rest) => ["merge", "run", "--method",
        method, "--model", TinyModel.Folder, "--model", s_folder["other"], .. rest, "--out", s_folder[name]];

    [Test]
    public void A_file_and_flags_write_the_same_model_and_every_verb_reads_it()
    {
        JsonNode json = Headtap.Done("merge", "run", s_folder["linear.yml"], "--out", s_folder["file"],
            "--json").Json;
        Headtap.Done(By("linear", "flags", "--weight", "0.75", "--weight", "0.25"));
        float[] merged = Read(s_folder["file"]);
        Assert.That(Read(s_folder["flags"]), Is.EqualTo(merged));
        Assert.That(merged, Is.EqualTo(Read(TinyModel.Folder).Zip(Read(s_folder["other"]),
            (a, b) => (float)(0.75 * a + 0.25 * b)).ToArray()));
        Assert.That((string?)json["model_hash"], Is.EqualTo(ModelFolder.Hash(s_folder["file"])));
        Assert.That((string?)json["models"]![1]!["model_hash"],
            Is.EqualTo(ModelFolder.Hash(s_folder["other"])));
        Assert.That((long)json["parameters"]!, Is.EqualTo(merged.Length));
        Headtap.Done("generate", "--model", s_folder["file"], "--text", "the city", "--max-new-tokens", "2");
        // What the flags wrote as a file gives the same again.
        Headtap.Done("merge", "run", s_folder["flags/mergekit_config.yml"], "--out", s_folder["again"]);
        Assert.That(Read(s_folder["again"]), Is.EqualTo(merged));
        Assert.That(File.ReadAllText(s_folder["flags/README.md"]),
            Does.Contain(ModelFolder.Hash(s_folder["other"])[..12]));
    }

    [Test]
    public void Slerp_is_at_the_first_model_for_t_0()
    {
        Headtap.Done(By("slerp", "zero", "--t", "0"));
        Assert.That(Read(s_folder["zero"]), Is.EqualTo(Read(TinyModel.Folder)));
    }

    [TestCase("fisher"), TestCase("regmean"), TestCase("greedy_soup")]
    public void Methods_that_measure_read_texts(string method)
    {
        JsonNode json = Headtap.Done([.. By(method, method, "--text-file", s_folder["text.txt"], "--set",
            "examples=3"), "--json"]).Json;
        Assert.That((string?)json["method"], Is.EqualTo(method));
        JsonNode made = JsonNode.Parse(File.ReadAllText(s_folder[$"{method}/manifest.json"]))!["options"]!;
        Assert.That((string?)made["data"]![0]!["sha256"],
            Is.EqualTo(FileHash.Sha256([s_folder["text.txt"]])));
        Headtap.Done("merge", "run", s_folder[$"{method}/mergekit_config.yml"], "--out",
            s_folder[$"{method} again"]);
        Assert.That(Read(s_folder[$"{method} again"]), Is.EqualTo(Read(s_folder[method])));
        Headtap.Done(By(method, $"{method} rows", "--batch", s_folder["rows.json"], "--batch",
            s_folder["rows.json"]));
    }

    [Test]
    public void Adamerging_learns_on_texts_without_labels()
    {
        Headtap.Done(By("adamerging", "ada", "--base", TinyModel.Folder, "--text-file", s_folder["text.txt"],
            "--set", "max_steps=2", "--set", "layer_wise=false"));
        Assert.That(Read(s_folder["ada"]), Is.Not.EqualTo(Read(TinyModel.Folder)));
    }

    [Test]
    public void A_filter_that_names_no_tensor_is_remarked()
    {
        s_folder.Write("filters.yml", $$"""
            merge_method: slerp
            models:
              - model: {{TinyModel.Folder}}
              - model: {{s_folder["other"]}}
            parameters:
              t:
                - {filter: self_attn, value: 0}
                - {filter: mlp, value: 1}
                - value: 0.5
            """);
        string remarks = Headtap.Done("merge", "run", s_folder["filters.yml"], "--out",
            s_folder["filters"]).Error;
        Assert.That(remarks, Does.Contain("filter \"self_attn\" occurs in no tensor's name")
            .And.Not.Contain("mlp"));
    }

    [Test]
    public void Slices_write_the_new_number_of_layers()
    {
        s_folder.Write("stack.yml", $"""
            merge_method: passthrough
            slices:
              - sources: [{"{"}model: {TinyModel.Folder}, layer_range: [0, 2]{"}"}]
              - sources: [{"{"}model: {s_folder["other"]}, layer_range: [1, 2]{"}"}]
            """);
        Headtap.Done("merge", "run", s_folder["stack.yml"], "--out", s_folder["stack"]);
        Assert.That(ModelFolder.ReadConfig(s_folder["stack"]).Layers, Is.EqualTo(3));
        Headtap.Done("generate", "--model", s_folder["stack"], "--text", "the city", "--max-new-tokens", "2");
    }

    [Test]
    public void Slerp_begins_at_the_base_by_flags_and_by_the_file_that_they_write()
    {
        Headtap.Done(By("slerp", "from-base", "--t", "0.3", "--base", s_folder["other"]));
        Headtap.Done("merge", "run", s_folder["from-base/mergekit_config.yml"], "--out",
            s_folder["from-file"]);
        Assert.That(Read(s_folder["from-file"]), Is.EqualTo(Read(s_folder["from-base"])));
        Headtap.Done(By("slerp", "from-first", "--t", "0.7"));
        Assert.That(Read(s_folder["from-base"]), Is.EqualTo(Read(s_folder["from-first"])).Within(1e-6));
        Headtap.Done(By("slerp", "other-way", "--t", "0.3"));
        Assert.That(Read(s_folder["other-way"]), Is.Not.EqualTo(Read(s_folder["from-base"])).Within(1e-6));
    }

    [Test]
    public void Masks_go_by_the_seed()
    {
        foreach (string name in (string[])["one 1", "same 1", "two 2"])
            Headtap.Done("merge", "run", "--method", "dare_linear", "--base", TinyModel.Folder, "--model",
                s_folder["other"], "--density", "0.5", "--seed", name[^1..], "--out", s_folder[name[..^2]]);
        Assert.That(Read(s_folder["same"]), Is.EqualTo(Read(s_folder["one"])));
        Assert.That(Read(s_folder["two"]), Is.Not.EqualTo(Read(s_folder["one"])));
    }

    [TestCase("linaer", "\"linaer\" is no method; expected one of linear")]
    [TestCase("linear --t 0.5", "linear does not read --t; it reads weight, normalize")]
    [TestCase("linear --weight 1", "--weight is given for 1 of 2 models")]
    [TestCase("ties", "--base is missing; ties needs one")]
    [TestCase("slerp", "slerp needs t: ")]
    [TestCase("slerp --t 2", "t is 2; expected 0 to 1")]
    [TestCase("fisher", "fisher measures models on a text; --text-file is missing for ")]
    [TestCase("fisher --text-file EMPTY", "no text has two tokens, so there is nothing to measure")]
    [TestCase("fisher --text-file EMPTY --batch EMPTY", "--text-file and --batch are both given")]
    [TestCase("linear --text-file EMPTY", "linear reads no text; leave --text-file out")]
    [TestCase("fisher --text-file EMPTY --text-file EMPTY --text-file EMPTY", "is given for 3 of 2 models")]
    [TestCase("lawa --set k=1.5", "k is 1.5; expected a whole number, 1 or more")]
    [TestCase("lawa --set kk=2", "--set is \"kk=2\"; expected NAME=VALUE with a parameter of lawa: k")]
    [TestCase("lawa --set k=x", "--set: k is \"x\"; expected a whole number, 1 or more")]
    [TestCase("swa --set start=2", "start is 2 of 2 checkpoints, from 0; expected 0 to 1")]
    [TestCase("passthrough --set scale=1e39", "passthrough takes 1")]
    [TestCase("linear --weight 1 --weight -1", "the weights add up to 0 and cannot be normalised")]
    [TestCase("fisher --weight 0 --weight 0 --text-file EMPTY", "all weights are 0; expected one that ")]
    [TestCase("linear --weight 1e308 --weight 1e308", "weight is 1E+308; expected -1e9 to 1e9")]
    [TestCase("fisher --weight 1 --weight -1 --text-file EMPTY", "a weight is -1; fisher takes 0 or more")]
    [TestCase("ties --base OTHER --density 0.3 --set density=0.2", "--set: density is given twice")]
    [TestCase("lawa --set k=1 --set k=2", "--set: k is given twice; expected it once")]
    [TestCase("linear --weight 1 --weight 1 --set weight=2", "--set: weight is given twice")]
    [TestCase("linear --base OTHER", "linear has no base; leave --base out")]
    [TestCase("slerp --t 0.3 --base EMPTY", "--base is none of the models; slerp begins at it")]
    [TestCase("task_arithmetic --base OTHER --lambda 1e300", "a number of the merge is ")]
    [TestCase("slerp --t x", "--t is \"x\"; expected a number")]
    public void Wrong_flags_are_named_and_nothing_is_written(string method, string message)
    {
        string[] words = [.. method.Split(' ').Select(w => w == "EMPTY" ? s_folder["empty.txt"]
            : w == "OTHER" ? s_folder["other"] : w)];
        Assert.That(Headtap.Refused(By(words[0], "wrong", words[1..])), Does.Contain(message));
        Assert.That(Directory.Exists(s_folder["wrong"]), Is.False);
    }

    [Test]
    public void Wrong_files_are_named_and_nothing_is_written()
    {
        Assert.That(Headtap.Refused("merge", "run", s_folder["wrong.yml"], "--out", s_folder["x"]),
            Does.Contain("wrong.yml: line 1: merge_method: \"linaer\" is no method; "));
        Assert.That(Headtap.Refused("merge", "run", s_folder["zero.yml"], "--out", s_folder["x"]),
            Does.Contain("zero.yml: wte.weight: the weights add up to 0"));
        Assert.That(Headtap.Refused("merge", "run", s_folder["none.yml"], "--out", s_folder["x"]),
            Does.Contain("none.yml: no such file"));
        Assert.That(Headtap.Refused("merge", "run", s_folder["linear.yml"], "--t", "0.5", "--out",
            s_folder["x"]), Does.Contain("--t goes with --method"));
        Assert.That(Headtap.Refused("merge", "run", "--out", s_folder["x"]), Does.Contain("expected a file"));
        Assert.That(Headtap.Refused("merge", "run", s_folder["linear.yml"], "--out", s_folder["other"]),
            Does.Contain("exists"));
        Assert.That(Directory.Exists(s_folder["x"]), Is.False);
    }

    [Test]
    public void The_list_has_every_method_with_its_parameters()
    {
        JsonArray all = Headtap.Done("merge", "methods", "--json").Json.AsArray();
        JsonNode ties = all.Single(m => (string?)m!["name"] == "ties")!;
        Assert.That((string?)ties["base_model"], Is.EqualTo("required"));
        JsonNode density = ties["parameters"]!.AsArray().Single(p => (string?)p!["name"] == "density")!;
        Assert.That((string?)density["range"], Is.EqualTo("0 to 1"));
        Assert.That(Headtap.Done("merge", "methods").Out,
            Does.Contain("dare_ties").And.Contain("2306.01708"));
    }
}
