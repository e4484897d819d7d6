using HeadTap.Runtime;

namespace HeadTap.Merge.Tests;

public class MergeConfigReaderTests
{
    const string Ties = """
        merge_method: ties
        base_model: base
        models:
          - model: base
          - model: a
            parameters:
              density: 0.5
              weight:
                - filter: mlp
                  value: 0.9
                - value: [0.0, 0.3, 0.6]
          - model: b
            parameters:
              density: [1.0, 0.2]
              weight: 0.3
        parameters:
          normalize: false
          int8_mask: true
          lambda: 0.8
        dtype: bfloat16
        tokenizer_source: base
        """;

    [Test]
    public void Filters_gradients_and_defaults_have_their_values()
    {
        MergeConfig config = MergeConfigReader.Parse(Ties, "ties.yml");
        var ties = (Ties)config.Method;
        MergeParameter density = ties.Parameters.Single(p => p.Name == "density");
        Assert.Multiple(() =>
        {
            Assert.That(config.Models.Select(m => m.Folder), Is.EqualTo((string[])["a", "b"]));
            Assert.That((config.BaseModel, config.Dtype, config.TokenizerSource),
                Is.EqualTo(("base", "bfloat16", "base")));
            double Weight(string tensor, double depth, int model)
                => config.For(tensor, depth).Of(MergeParameter.Weight, model);
            Assert.That(Weight("h.0.mlp.c_fc.weight", 0, 0), Is.EqualTo(0.9));
            Assert.That(Weight("h.0.attn.c_attn.weight", 0, 0), Is.EqualTo(0.0));
            Assert.That(Weight("h.1.attn.c_attn.weight", 0.5, 0), Is.EqualTo(0.3));
            Assert.That(Weight("h.1.attn.c_attn.weight", 0.75, 0), Is.EqualTo(0.45).Within(1e-15));
            Assert.That(Weight("ln_f.weight", 1, 0), Is.EqualTo(0.6));
            Assert.That(Weight("ln_f.weight", 1, 1), Is.EqualTo(0.3));
            Assert.That(config.For("wte.weight", 0.25).Of(density, 1), Is.EqualTo(0.8).Within(1e-15));
            Assert.That(config.For("wte.weight", 0).Of(ties.Normalize), Is.EqualTo(0));
            Assert.That(config.For("wte.weight", 0).Of(TaskVectors.Lambda), Is.EqualTo(0.8));
        });
    }

    [Test]
    public void Slerp_begins_at_the_base_wherever_it_stands()
    {
        const string models = "merge_method: slerp\nmodels: [{model: a}, {model: b}]\nparameters: {t: 0.2}\n";
        string[] Order(string more) => [.. MergeConfigReader.Parse(models + more, "s.yml").Models
            .Select(m => m.Folder)];
        Assert.That(Order(""), Is.EqualTo((string[])["a", "b"]));
        Assert.That(Order("base_model: a"), Is.EqualTo((string[])["a", "b"]));
        Assert.That(Order("base_model: b"), Is.EqualTo((string[])["b", "a"]));
        Assert.That(() => Order("base_model: c"), Throws.TypeOf<UserException>()
            .With.Message.Contains("base_model is none of the models"));
    }

    [TestCase("merge_method: ties", "merge_method: tise", 1, "merge_method: \"tise\" is no method; ")]
    [TestCase("base_model: base\n", "", 1, "base_model is missing; ties needs one")]
    [TestCase("density: 0.5", "density: 1.5", 7, "density is 1.5; expected 0 to 1")]
    [TestCase("density: 0.5", "density: half", 7, "density is \"half\"; expected 0 to 1")]
    [TestCase("density: 0.5", "dense: 0.5", 7, "ties: \"dense\" is not known here; expected weight, ")]
    [TestCase("density: 0.5", "density: []", 7, "density is an empty list; expected 0 to 1")]
    [TestCase("lambda: 0.8", "lambda: .nan", 19, "lambda is \".nan\"; expected a number")]
    [TestCase("normalize: false", "normalize: maybe", 17, "normalize is \"maybe\"; expected true or false")]
    [TestCase("dtype: bfloat16", "dtype: bf16", 20, "dtype is \"bf16\"; expected float32, float16, ")]
    [TestCase("tokenizer_source: base", "tokenizer_source: c", 21, "tokenizer_source is \"c\"; expected")]
    [TestCase("  - model: a", "  - modle: a", 5, "models: \"modle\" is not known here; expected model, ")]
    [TestCase("models:", "model:", 3, "\"model\" is not known here; expected merge_method, models, ")]
    [TestCase("dtype: bfloat16", "dtype: ]", 20, "not valid YAML: ")]
    public void A_wrong_line_is_named(string right, string wrong, int line, string message)
    {
        Assert.That(Ties, Does.Contain(right));
        string text = Ties.Replace(right, wrong, StringComparison.Ordinal);
        Assert.That(() => MergeConfigReader.Parse(text, "ties.yml"),
            Throws.TypeOf<UserException>().With.Message.StartsWith($"ties.yml: line {line}: {message}"));
    }

    [TestCase("merge_method: slerp\nmodels:\n  - model: a\n  - model: b\n", "needs t: ")]
    [TestCase("merge_method: slerp\nmodels:\n  - model: a\nparameters:\n  t: 0.5\n", "slerp takes 2")]
    [TestCase("merge_method: linear\nmodels: a\n", "models is no list")]
    [TestCase("", "expected one YAML mapping")]
    [TestCase("- a\n- b\n", "expected one YAML mapping")]
    public void A_merge_that_lacks_something_is_refused(string text, string message)
        => Assert.That(() => MergeConfigReader.Parse(text, "m.yml"),
            Throws.TypeOf<UserException>().With.Message.Contains(message));

    [TestCase("merge_method: ties\nbase_model: c\nmodels:\n  - model: a\n    parameters: {lambda: 0.1}\n",
        "line 5: lambda holds for all models; put it under the merge's parameters")]
    [TestCase("merge_method: passthrough\nslices:\n  - sources: [{model: a, layer_range: [0, 2147483647]}]\n",
        "layer_range is no range")]
    [TestCase("merge_method: adamerging\nbase_model: c\ntext_file: t\nmodels: [{model: a}, {model: b}]\n"
        + "parameters: {init_values: [0.1, 0.9]}\n", "init_values is a list")]
    public void What_would_be_passed_over_is_refused(string text, string message)
        => Assert.That(() => MergeConfigReader.Parse(text, "m.yml"),
            Throws.TypeOf<UserException>().With.Message.Contains(message));

    [Test]
    public void Brackets_without_end_are_refused()
        => Assert.That(() => MergeConfigReader.Parse(new string('[', 100_000), "m.yml"),
            Throws.TypeOf<UserException>().With.Message.Contains("more than 32 deep"));

    [Test]
    public void The_base_is_known_by_any_spelling_of_its_folder()
        => Assert.That(MergeConfigReader.Parse("merge_method: model_stock\nbase_model: base\n"
                + "models: [{model: a}, {model: b}, {model: ./base/}]\n", "m.yml").Models
            .Select(m => m.Folder), Is.EqualTo((string[])["a", "b"]));

    [Test]
    public void A_filter_that_leaves_tensors_without_a_value_is_refused()
    {
        MergeConfig config = MergeConfigReader.Parse("merge_method: slerp\nmodels: [{model: a}, {model: b}]\n"
            + "parameters: {t: [{filter: attn, value: 0.5}]}\n", "m.yml");
        Assert.That(() => config.For("h.0.attn.c_attn.weight", 0), Throws.Nothing);
        Assert.That(() => config.For("wte.weight", 0),
            Throws.TypeOf<UserException>().With.Message.Contains("t has no value for wte.weight"));
    }

    [Test]
    public void A_mapping_that_does_not_end_is_refused()
        => Assert.That(() => MergeConfigReader.Parse(
                Ties.Replace("dtype: bfloat16", "dtype: {", StringComparison.Ordinal), "m.yml"),
            Throws.TypeOf<UserException>().With.Message.EqualTo(
                "m.yml: not valid YAML: it ends inside a mapping or a list"));

    [Test]
    public void Every_method_reads_its_own_parameters_back()
    {
        foreach (MergeMethod method in MergeMethods.All)
        {
            string models = string.Concat(Enumerable.Range(0, Math.Max(method.FewestModels, 1))
                .Select(m => $"  - model: m{m}\n"));
            string values = string.Concat(method.Parameters.Select(p => $"  {p.Name}: "
                + (p.IsSwitch ? "true" : p.IsWhole || p.Least > 0 ? "3" : "0.25") + "\n"));
            MergeConfig config = MergeConfigReader.Parse(
                $"merge_method: {method.Name}\nbase_model: {(method is Slerp ? "m0" : "b")}\n"
                + $"models:\n{models}"
                + (method is MeasuredMethod ? "text_file: t.txt\n" : "")
                + (values.Length > 0 ? $"parameters:\n{values}" : ""), "m.yml");
            Assert.That(config.Method.Name, Is.EqualTo(method.Name));
            Assert.That(config.Parameters.Keys, Is.EquivalentTo(method.Parameters.Select(p => p.Name)));
        }
    }

    [Test]
    public void Methods_that_measure_read_a_text_of_each_model()
    {
        const string fisher = """
            merge_method: fisher
            text_file: all.txt
            models:
              - model: a
              - model: b
                batch: b.json
            """;
        MergeConfig config = MergeConfigReader.Parse(fisher, "m.yml");
        Assert.That(config.Data, Is.EqualTo(new MergeData("all.txt", IsBatch: false)));
        Assert.That(config.Models.Select(m => m.Data),
            Is.EqualTo((MergeData?[])[null, new MergeData("b.json", IsBatch: true)]));
        (string Right, string Wrong, string Message)[] cases =
        [
            ("text_file: all.txt\n", "", "fisher measures models on a text; text_file is missing for a"),
            ("fisher", "linear", "linear reads no text; leave text_file out"),
            ("    batch: b.json", "    batch: b.json\n    text_file: b.txt", "text_file and batch are both"),
            ("models:\n  - model: a\n  - model: b\n    batch: b.json", "slices:\n  - sources:\n"
                + "      - {model: a, layer_range: [0, 1]}", "fisher runs whole models; expected models"),
        ];
        foreach ((string right, string wrong, string message) in cases)
            Assert.That(() => MergeConfigReader.Parse(
                    fisher.Replace(right, wrong, StringComparison.Ordinal), "m.yml"),
                Throws.TypeOf<UserException>().With.Message.Contains(message));
    }
}
