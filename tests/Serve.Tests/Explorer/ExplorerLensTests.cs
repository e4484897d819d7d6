using System.Globalization;
using System.Text.Json.Nodes;
using HeadTap.Jobs;
using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Serve.Tests;

/// <summary>What heads and layers write through each lens of the server, against <c>lens read</c>.</summary>
public sealed class ExplorerLensTests
{
    const string Prompt = "The currency of Japan is the";
    const string Edits = """[{"site":"blocks.2.attn.hook_z","op":"scale","alpha":1.5,"head":3}]""";
    const string Tables = "document.querySelectorAll('.writes table')";

    static readonly int[] s_streamLayers = [1, 3];

    string _folder = "";
    AtlasServer _server = null!;
    Browser _browser = null!;

    static string Learned => Path.Combine(RunningServer.AtlasFolder, "lens");

    string Stream => Path.Combine(_folder, "stream");

    string Address => _server.Server.Address.ToString().TrimEnd('/') + "/";

    [OneTimeSetUp]
    public async Task Start()
    {
        _folder = Directory.CreateTempSubdirectory("headtap-serve-").FullName;
        MakeStreamLens();
        _server = await AtlasServer.Start(null, null, ("atlas-thin", Learned), ("tuned", Stream));
        _browser = await Browser.Start();
    }

    [OneTimeTearDown]
    public async Task Stop()
    {
        if (_browser is not null)
            await _browser.DisposeAsync();
        if (_server is not null)
            await _server.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Test]
    public async Task Capabilities_tell_what_each_lens_reads()
    {
        JsonNode all = JsonNode.Parse(await _server.Client.GetStringAsync("/v1/headtap/capabilities"))!;
        JsonArray lenses = all["models"]![0]!["lenses"]!.AsArray();
        Assert.That(lenses.Select(l => l!.ToJsonString()), Is.EqualTo((string[])[
            """{"name":"logit","kind":"logit","heads":true,"layers_are":"all heads","""
                + "\"sites\":[\"blocks.*.attn.hook_result\"],\"layers\":[0,1,2,3,4]}",
            """{"name":"atlas-thin","kind":"thin","heads":true,"layers_are":"all heads","""
                + "\"sites\":[\"blocks.*.attn.hook_z\"],\"layers\":[0,1,2,3,4]}",
            """{"name":"tuned","kind":"tuned","heads":false,"layers_are":"stream","""
                + "\"sites\":[\"blocks.*.hook_resid_pre\"],\"layers\":[1,3]}",
        ]));
    }

    [TestCase("logit"), TestCase("atlas-thin"), TestCase("tuned")]
    public async Task Words_and_numbers_are_those_of_the_command_line(string lens)
    {
        await Open($"#prompt={Prompt}&t=5&edits={Uri.EscapeDataString(Edits)}");
        await Choose(lens);
        string folder = lens switch { "logit" => "logit", "tuned" => Stream, _ => Learned };
        string spec = Path.Combine(_folder, "edit.json");
        File.WriteAllText(spec, $$"""{"edits":{{Edits}}}""");
        LensReadResult clean = Read(folder, null, "5"), edited = Read(folder, spec, "5");
        await Same(0, clean);
        await Same(1, edited);
        int last = edited.Layers.Count - 1;
        Assert.That(edited.Layers[last].Favour, Is.Not.EqualTo(clean.Layers[last].Favour).Within(0.01));
        // Another place of the text, and then the link of all this.
        await _browser.Click(".tokens button:nth-child(4)");
        await Same(0, Read(folder, null, "3"));
        await _browser.Go(Address + (string)(await _browser.Value("location.hash"))!);
        Assert.That((string?)await Value("document.querySelector('.lens').value"), Is.EqualTo(lens));
        await Same(1, Read(folder, spec, "3"));
        Assert.That(_browser.Complaints, Is.Empty);
    }

    [Test]
    public async Task The_calls_name_the_lens()
    {
        await Open($"#prompt={Prompt}&lens=atlas-thin&t=2");
        Assert.That(await _browser.Text(".shell"),
            Does.EndWith("--lens LENS --position 2").And.Contain("headtap lens read --model FOLDER --bos"));
        Assert.That(await _browser.Text(".lens-folder"),
            Is.EqualTo(", LENS that of the lens \"atlas-thin\""));
        Assert.That(await _browser.Text(".csharp"),
            Does.Contain("args[1]; // of the lens \"atlas-thin\"").And.Contain("asked, tokens, [2])"));
        await Choose("logit");
        Assert.That(await _browser.Text(".shell"), Does.EndWith("--lens logit --position 2"));
        Assert.That(await _browser.Text(".lens-folder"), Is.Empty);
        Assert.That(await _browser.Text(".csharp"),
            Does.Contain("LensSource.Logit").And.Not.Contain("args[1]"));
    }

    [Test]
    public async Task The_keyboard_chooses_a_lens()
    {
        await Open($"#prompt={Prompt}");
        string logit = await _browser.Text(".writes");
        await _browser.Press("w");
        Assert.That((string)(await Value("location.hash"))!, Does.Contain("&lens=atlas-thin&"));
        Assert.That(await _browser.Text(".writes"), Is.Not.EqualTo(logit));
        Assert.That(await Header(), Does.EndWith("all heads,mlp"));
        await _browser.Press("w");
        Assert.That(await Header(), Is.EqualTo(",stream,mlp"));
        Assert.That(await _browser.Text(".writes .say"), Is.EqualTo("layer 0, stream: the lens does not have "
            + "this layer"));
        await _browser.Press("ArrowDown");
        Assert.That(await _browser.Text(".writes .say"), Does.StartWith("layer 1, stream: "));
        await _browser.Press("w");
        Assert.That(await _browser.Text(".writes"), Does.StartWith(logit[..40]));
        // By Tab, and by the keys of a list.
        await Value("document.querySelector('.lens').focus()");
        await _browser.Press("ArrowDown");
        await _browser.Rest();
        Assert.That((string?)await Value("document.querySelector('.lens').labels[0].textContent.slice(0, 4)"),
            Is.EqualTo("Lens"));
    }

    [Test]
    public async Task A_saved_page_keeps_the_lens_and_an_unknown_one_is_told()
    {
        await Open($"#prompt={Prompt}&lens=atlas-thin&l=4&h=5");
        string written = await _browser.Text(".writes");
        Assert.That(written, Does.Contain("head 4.5: "));
        await _browser.Click("button.save-page");
        string saved = await _browser.Saved("explorer.html");
        await _browser.Go(new Uri(saved).AbsoluteUri);
        Assert.That(await _browser.Text(".writes"), Is.EqualTo(written));
        await _browser.Press("w");
        Assert.That(await _browser.Text(".alert"), Does.StartWith("This saved page does not have that"));
        await Open($"#prompt={Prompt}&lens=%3Cb%3Enone");
        Assert.That(await _browser.Text(".alert"),
            Is.EqualTo("The model has no lens \"<b>none\" here; the logit lens is shown."));
        Assert.That((string)(await Value("location.hash"))!, Does.Contain("&lens=logit&"));
        await Same(0, Read("logit", null, "last"));
    }

    Task<JsonNode?> Value(string expression) => _browser.Value(expression);

    Task Open(string hash) => _browser.Go(Address + hash);

    async Task Choose(string lens)
    {
        await Value("(s => { s.value = '" + lens + "'; s.dispatchEvent(new Event('change')); })"
            + "(document.querySelector('.lens'))");
        await _browser.Rest();
    }

    async Task<string> Header()
        => (string)(await Value($"[...{Tables}[0].rows[0].cells].map(c => c.textContent).join()"))!;

    // Each cell tells its words with logits and its favour, to two digits.
    async Task Same(int run, LensReadResult expected)
    {
        JsonArray rows = (await Value($"[...{Tables}[{run}].rows].slice(1).map(r => "
            + "[...r.cells].slice(1, -1).map(c => c.title))"))!.AsArray();
        int heads = expected.Heads.Count == 0 ? 0 : 6;
        Assert.That(rows, Has.Count.EqualTo(5));
        foreach ((int l, JsonNode? row) in rows.Index())
        {
            Assert.That(row!.AsArray(), Has.Count.EqualTo(heads + 1));
            if (expected.Layers.SingleOrDefault(p => p.Layer == l) is not { } whole)
            {
                Assert.That((string?)row[0], Does.EndWith("the lens does not have this layer"));
                continue;
            }
            Same((string)row[heads]!, heads == 0 ? $"layer {l}, stream" : $"layer {l}, all heads", whole);
            foreach (LensReadPlace head in expected.Heads.Where(p => p.Layer == l))
                Same((string)row[head.Head!.Value]!, $"head {l}.{head.Head}", head);
        }
    }

    static void Same(string shown, string place, LensReadPlace expected)
    {
        string[] parts = shown.Split(": ", 2)[1].Split("; favour ");
        Assert.That(shown, Does.StartWith(place + ": "));
        string words = string.Join(", ", expected.Top.Select(t => $"{Visible(t.Text)} {Signed(t.Logit)}"));
        Assert.That(parts[0], Is.EqualTo(words), place);
        Assert.That(parts[1], Is.EqualTo(Signed(expected.Favour)), place);
    }

    static string Visible(string text) => text.Replace(' ', '\u00b7').Replace("\n", "\\n");

    static string Signed(double x)
        => x.ToString("+0.00;-0.00;0.00", CultureInfo.InvariantCulture) is var text && x < 0 && text == "0.00"
            ? "-0.00" : x > 0 && text == "0.00" ? "+0.00" : text;

    static LensReadResult Read(string lens, string? edit, string position) => LensReadJob.Run(
        new LensReadOptions
        {
            Prompt = new PromptRequest
            {
                Model = RunningServer.AtlasFolder, Text = Prompt, Rules = new TextRules { Bos = true },
            },
            Places = new LensPlaceRequest { Lens = lens }, Edit = edit, Position = position,
        }, new JobContext { DeviceName = "cpu" });

    // A lens of the stream that has two of the five layers.
    void MakeStreamLens()
    {
        using ComputeDevice device = ComputeDevice.Open("cpu");
        using LanguageModel model = LanguageModel.Load(device, RunningServer.AtlasFolder);
        using var lens = LensSet.Initial(
            model, new LensOptions { Kind = LensKind.Tuned }, s_streamLayers, 4);
        LensFolder.Save(Stream, LensMetadata.Of(lens, ModelFolder.Hash(RunningServer.AtlasFolder)), lens,
            s_streamLayers.ToHashSet());
    }
}
