using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Cli.Tests;

/// <summary>eval, verify, profile and the tour.</summary>
public sealed class MeasureTests
{
    [Test]
    public void Eval_counts_each_token_once_and_agrees_with_grad()
    {
        using var folder = new TemporaryFolder();
        const string Text = "the capital of the country is the city of the north";
        string file = folder.Write("text.txt", Text);
        int n = ByteBpeTokenizer.Load(TinyModel.Folder).Encode(Text).Length;
        Assert.That(n, Is.InRange(9, 24));
        JsonNode whole = Headtap.Done("eval", "--model", TinyModel.Folder,
            "--text-file", file, "--json").Json;
        JsonNode grad = Headtap.Done("grad", "--model", TinyModel.Folder, "--text-file", file,
            "--out", folder["g.safetensors"], "--json").Json;
        Assert.That((int)whole["tokens"]!, Is.EqualTo(n - 1));
        Assert.That((double)whole["loss"]!, Is.EqualTo((double)grad["loss"]!).Within(1e-6));
        Assert.That((double)whole["perplexity"]!, Is.EqualTo(Math.Exp((double)whole["loss"]!)).Within(1e-9));

        JsonNode windows = Headtap.Done("eval", "--model", TinyModel.Folder, "--text-file", file, "--json",
            "--context", "5", "--stride", "2").Json;
        Assert.That((int)windows["tokens"]!, Is.EqualTo(n - 1));
        Assert.That((int)windows["windows"]!, Is.EqualTo(1 + Math.Max(0, (n - 1 - 5 + 1) / 2)));
        Assert.That((double)windows["loss"]!, Is.Not.EqualTo((double)whole["loss"]!));
        Assert.That(Headtap.Done("eval", "--model", TinyModel.Folder, "--text-file", file, "--bos",
            "--json").Json["tokens"]!
            .GetValue<int>(), Is.EqualTo(n));
        Assert.That(Headtap.Done("eval", "--model", TinyModel.Folder, "--text-file", file).Out,
            Does.Contain("window perplexity"));
    }

    [TestCase("--context", "25", "expected 1 to 24")]
    [TestCase("--stride", "25", "expected 1 to 24")]
    [TestCase("--stride", "-1", "expected 1 to 24")]
    public void Eval_refuses_windows_that_do_not_fit(string option, string value, string reason)
    {
        using var folder = new TemporaryFolder();
        Assert.That(Headtap.Refused("eval", "--model", TinyModel.Folder, "--text-file",
            folder.Write("t.txt", "the city of the north"), option, value), Does.Contain(reason));
    }

    [Test]
    public void Eval_refuses_texts_with_nothing_to_predict()
    {
        using var folder = new TemporaryFolder();
        Assert.That(Headtap.Refused("eval", "--model", TinyModel.Folder, "--text-file",
            folder.Write("a.txt", "e")),
            Does.Contain("no text has two tokens"));
        Assert.That(Headtap.Refused("eval", "--model", TinyModel.Folder, "--text-file",
            folder.Write("b.txt", "")),
            Does.Contain("no text"));
    }

    [Test]
    public void Verify_passes_on_a_model_as_it_is_and_names_every_kind_of_site()
    {
        JsonNode json = Headtap.Done("verify", "--model", TinyModel.BareFolder,
            "--tokens", "24", "--json").Json;
        Assert.That((bool)json["passed"]!, Is.True);
        Assert.That(json["sites"]!.AsArray(), Has.Count.EqualTo(Enum.GetValues<SiteKind>().Length));
        Assert.That(json["sites"]!.AsArray().All(s => (double)s!["max_abs_error"]! < 2e-5));
        Assert.That(Headtap.Done("verify", "--model", TinyModel.BareFolder, "--ids", "1,2,3").Out,
            Does.Contain("passed: 3 tokens").And.Contain("attn.hook_result"));
    }

    [Test]
    public void Verify_sees_an_error_of_one_site()
    {
        // The edit is in force for the device's pass only: what a broken op would do.
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = LanguageModel.Load(device, TinyModel.BareFolder);
        using (model.Attach(new Edit
        {
            Site = "blocks.1.mlp.hook_post", Operation = EditOperation.Scale, Alpha = 1.01f,
        }))
        {
            IReadOnlyList<SiteParity> sites = SiteParity.Measure(model, [1, 2, 3]);
            Assert.That(sites.Where(s => !s.Passes).Select(s => s.Kind), Does.Contain(SiteKind.MlpPost));
            Assert.That(sites.Single(s => s.Kind == SiteKind.Z).Passes);
        }
        Assert.That(new SiteParity(SiteKind.Z, double.NaN, 1).Passes, Is.False);
    }

    [Test]
    public void Profile_counts_bytes_and_compares_with_no_recording()
    {
        JsonNode json = Headtap.Done("profile", "--model", TinyModel.BareFolder,
            "--batch-size", "3", "--tokens", "10",
            "--repeats", "3", "--json").Json;
        JsonArray taps = json["devices"]![0]!["taps"]!.AsArray();
        long Bytes(string name)
            => (long)taps.Single(t => (string)t!["recorded"]! == name)!["recorded_bytes"]!;
        Assert.That(Bytes("none"), Is.Zero);
        Assert.That(Bytes("hook_z"), Is.EqualTo(2 * 3 * 10 * 20 * 4));
        Assert.That(Bytes("hook_result"), Is.EqualTo(2 * 3 * 10 * 4 * 20 * 4));
        Assert.That(Bytes("hook_pattern"), Is.EqualTo(2 * 3 * 4 * 10 * 10 * 4));
        Assert.That(taps.All(t => (double)t!["fastest_ms"]! <= (double)t["median_ms"]!));
        Assert.That(taps.All(t => (double)t!["overhead_lower_quartile"]! <= (double)t["overhead"]!));
        Assert.That((double)taps[0]!["overhead_upper_quartile"]!, Is.Zero, "against itself");
        Assert.That(Headtap.Done("profile", "--model", TinyModel.BareFolder, "--tokens",
            "5", "--repeats", "1").Out,
            Does.Contain("all of these"));
        Assert.That(Headtap.Refused("profile", "--model", TinyModel.BareFolder, "--tokens", "25"),
            Does.Contain("1 to 24"));
    }

    [Test]
    public void Profile_writes_a_page_with_a_chart_for_each_device()
    {
        using var folder = new TemporaryFolder();
        Headtap run = Headtap.Run("profile", "--model", TinyModel.BareFolder,
            "--tokens", "5", "--repeats", "2",
            "--device", "cpu,cpu", "--report", folder["taps.html"]);
        Assert.That(run.Code, Is.Zero, run.Error);
        Assert.That(run.Out, Does.Contain("on cpu").And.Contain("taps.html"));
        string page = File.ReadAllText(folder["taps.html"]), chart = File.ReadAllText(folder["taps.cpu.svg"]);
        Assert.That(page, Does.Contain(chart.TrimEnd('\n')).And.Contain("hook_result"));
        Assert.That(System.Xml.Linq.XDocument.Parse(chart).Descendants()
                .Count(e => (string?)e.Attribute("class") == "spread"),
            Is.EqualTo(6));
        Assert.That(Headtap.Refused("profile", "--model", TinyModel.BareFolder, "--tokens", "5", "--device",
            "cpu,warp"),
            Does.Contain("warp"));
        Assert.That(Headtap.Refused("profile", "--model", TinyModel.BareFolder, "--tokens",
            "5", "--device", "cpu",
            "--report", folder["taps.html/x.html"]), Does.Contain("taps.html"));
        Assert.That(folder.Entries(), Has.Length.EqualTo(2));
    }

    [Test]
    public void Weights_pull_refuses_names_and_mirrors_before_it_asks_anyone()
    {
        using var folder = new TemporaryFolder();
        Assert.That(Headtap.Refused("weights", "pull", "gpt5", "--out", folder["m"]),
            Does.Contain("gpt2-xl"));
        Assert.That(Headtap.Refused("weights", "pull", "gpt2", "--out", folder["m"], "--mirror", "nowhere"),
            Does.Contain("not an address"));
        Assert.That(folder.Entries(), Is.Empty);
    }
}
