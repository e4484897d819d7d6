using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using HeadTap.Jobs;

namespace HeadTap.Serve.Tests;

/// <summary>The explorer: the page itself, and in a browser against the verbs of the command line.</summary>
public sealed partial class ExplorerTests
{
    const string Prompt = "The capital of Japan is";

    AtlasServer _server = null!;
    Browser? _browser;

    [OneTimeSetUp]
    public async Task Start() => _server = await AtlasServer.Start();

    [OneTimeTearDown]
    public async Task Stop()
    {
        if (_browser is not null)
            await _browser.DisposeAsync();
        await _server.DisposeAsync();
    }

    string Address => _server.Server.Address.ToString().TrimEnd('/') + "/";

    async Task<Browser> Open(string hash = "")
    {
        _browser ??= await Browser.Start();
        await _browser.Go(Address + hash);
        return _browser;
    }

    [Test]
    public async Task The_page_is_whole_and_forbids_all_other_hosts()
    {
        using HttpResponseMessage reply = await _server.Client.GetAsync("/");
        string html = await reply.Content.ReadAsStringAsync();
        Assert.That((int)reply.StatusCode, Is.EqualTo(200));
        Assert.That(reply.Content.Headers.ContentType!.ToString(), Is.EqualTo("text/html; charset=utf-8"));
        string policy = reply.Headers.GetValues("Content-Security-Policy").Single();
        Assert.That(policy, Does.StartWith("default-src 'none'; connect-src 'self'; "));
        Assert.That(policy, Does.Not.Contain("unsafe").And.Not.Contain("http").And.Not.Contain("*"));
        Assert.That(Outside().Matches(html).Select(m => m.Value).Distinct(),
            Is.EqualTo((string[])["http://www.w3.org/2000/svg"]), "a name, and no address");
        Assert.That(html, Does.Not.Contain(" src=").And.Not.Contain("@import").And.Not.Contain("innerHTML"));
        MatchCollection inline = Inline().Matches(html);
        Assert.That(inline, Has.Count.EqualTo(3));
        foreach (Match part in inline)
            Assert.That(policy, Does.Contain(Convert.ToBase64String(
                SHA256.HashData(Encoding.UTF8.GetBytes(part.Groups[2].Value)))), part.Groups[1].Value);
    }

    [Test]
    public async Task Typed_clicked_and_edited_it_shows_what_the_command_line_computes()
    {
        Browser page = await Open();
        await page.Value("document.querySelector('.prompt').focus()");
        await page.Type("The currency of Japan is the");
        await page.Click(".go");
        ViewResult clean = View("The currency of Japan is the", null);
        await SameNext(page, 0, clean);
        Assert.That(await page.Text(".answer b"), Is.EqualTo(Generate("The currency of Japan is the", null)));

        // Head 4.5 on the map: squares from 26 and 16 on.
        double width = (double)(await page.Value("document.querySelector('.maps canvas').clientWidth"))!;
        double cell = (width - 26) / 6;
        await page.Click(".maps canvas", 26 + 5.5 * cell, 16 + 4.5 * cell);
        Assert.That(await page.Text(".large"), Is.EqualTo("Head 4.5"));
        await page.Click(".off");
        using var folder = new ScratchFolder();
        string spec = folder.At("edit.json");
        File.WriteAllText(spec,
            """{"edits":[{"site":"blocks.4.attn.hook_z","op":"zero","head":5}]}""");
        ViewResult edited = View("The currency of Japan is the", spec);
        await SameNext(page, 0, clean);
        await SameNext(page, 1, edited);
        Assert.That((string?)await page.Value("document.querySelectorAll('.answer b')[1].textContent"),
            Is.EqualTo(Generate("The currency of Japan is the", spec)));
        Assert.That(edited.Runs[0].Next[0].P, Is.Not.EqualTo(clean.Runs[0].Next[0].P).Within(1e-5));

        // The link is the state.
        string link = (string)(await page.Value("location.hash"))!;
        await page.Go(Address + link);
        await SameNext(page, 1, edited);
        await page.Click("button.save-spec");
        JsonNode saved = JsonNode.Parse(File.ReadAllText(await page.Saved("edit.json")))!;
        Assert.That(JsonNode.DeepEquals(saved, JsonNode.Parse(File.ReadAllText(spec))), Is.True, $"{saved}");
        Assert.That(await page.Text(".shell"), Does.Contain("--edit edit.json").And.Contain("--bos --text"));
        Assert.That(page.Complaints, Is.Empty);
    }

    [TestCase(false), TestCase(true)]
    public async Task Parts_of_a_logit_are_those_of_view(bool edited)
    {
        using var folder = new ScratchFolder();
        string spec = folder.At("edit.json");
        const string Edits = """[{"site":"blocks.3.attn.hook_z","op":"scale","alpha":2,"head":2}]""";
        File.WriteAllText(spec, $$"""{"edits":{{Edits}}}""");
        Browser page = await Open($"#prompt={Prompt}&edits={Uri.EscapeDataString(Edits)}");
        ViewResult view = View(Prompt, edited ? spec : null,
            (int)(await page.Value("+document.querySelector('.a').value"))!,
            (int)(await page.Value("+document.querySelector('.b').value"))!);
        ViewPart[] heads = [.. view.Runs[0].Parts.Where(p => p.Head is not null)];
        int column = edited ? 1 : 0;
        foreach (ViewPart part in heads.Concat(view.Runs[0].Parts.Where(p => p.Part.StartsWith("mlp"))))
        {
            string shown = (string)(await page.Value($"document.querySelectorAll('.parts table')[{column}]"
                + $".rows[{part.Layer + 1}].cells[{(part.Head is { } h ? h + 1 : 8)}].textContent"))!;
            Assert.That(Math.Abs(double.Parse(shown) - (part.Values[0] - part.Values[1])) <= 0.0051, Is.True,
                $"{part.Part}: {shown}, view {part.Values[0] - part.Values[1]}");
        }
        Assert.That(heads, Has.Length.EqualTo(30));
    }

    [Test]
    public async Task A_memory_is_injected_and_its_slider_changes_the_answer()
    {
        Browser page = await Open($"#prompt={Prompt}");
        await page.Click("details.memories summary");
        await page.Value("document.querySelector('.memory').focus()");
        await page.Type(" France");
        await page.Value("document.querySelector('.memory-layer').value = 1");
        await page.Click(".memory-add");
        using var folder = new ScratchFolder();
        string spec = folder.At("edit.json");
        foreach (int tau in new[] { 4, 12 })
        {
            await page.Value("(s => { s.value = " + tau + "; s.dispatchEvent(new Event('input')); })"
                + "(document.querySelector('.change input[type=range]'))");
            await Task.Delay(300);
            await page.Rest();
            File.WriteAllText(spec, "{\"edits\":[{\"site\":\"blocks.1.hook_attn_out\",\"op\":\"add\","
                + $"\"alpha\":{tau},\"positions\":\"last\",\"value\":{{\"unembed\":\" France\"}}}}]}}");
            await SameNext(page, 1, View(Prompt, spec));
        }
        Assert.That(await page.Text(".change code"),
            Does.Contain("plus 12 times").And.Contain("\" France\""));
        await page.Click(".change button");
        Assert.That((int)(await page.Value("document.querySelectorAll('.answer').length"))!, Is.EqualTo(1));
    }

    [Test]
    public async Task Everything_is_reached_by_the_keyboard_alone()
    {
        Browser page = await Open($"#prompt={Prompt}");
        var reached = new List<string>();
        for (int i = 0; i < 60; i++)
        {
            await page.Press("Tab");
            reached.Add((string)(await page.Value("document.activeElement.className"))!);
            if (reached[^1] == "prompt")
                await page.Type("The capital of Peru is");
            if (reached[^1] == "go" && reached.Count(r => r == "go") == 1)
                await page.Press("Enter");
        }
        Assert.That(reached, Is.SupersetOf((string[])["model", "prompt", "count", "go", "off", "scale",
            "head", "avg", "a", "b", "save-spec", "save-page", "save-head", "shell"]));
        Assert.That(await page.Text(".answer"), Does.StartWith("The capital of Peru is Lima"));
        await page.Value("document.activeElement.blur()");
        await page.Press("ArrowLeft", "ArrowDown", "ArrowDown", ".", ".", ".", "o");
        string hash = (string)(await page.Value("location.hash"))!;
        Assert.That(hash, Does.Contain("&t=4&").And.Contain("&l=2&").And.Contain("&h=3&"));
        Assert.That(Uri.UnescapeDataString(hash), Does.EndWith(
            """edits=[{"site":"blocks.2.attn.hook_z","op":"zero","head":3}]"""));
        await page.Press("o");
        Assert.That((string)(await page.Value("location.hash"))!, Does.EndWith("edits=%5B%5D"));
        // Every control has a name.
        const string Controls = "[...document.querySelectorAll('button,input,select,textarea')]";
        Assert.That((string)(await page.Value(Controls
            + ".filter(e => !(e.labels?.length || e.ariaLabel || e.textContent.trim()))"
            + ".map(e => e.className).join()"))!, Is.Empty);
        Assert.That((string)(await page.Value("[...document.querySelectorAll('canvas')]"
            + ".filter(e => !e.getAttribute('aria-label')).length + ''"))!, Is.EqualTo("0"));
    }

    [Test]
    public async Task It_fits_a_phone_and_the_dark()
    {
        const string Edits = """[{"site":"blocks.0.attn.hook_z","op":"zero","head":1}]""";
        Browser page = await Open($"#prompt={Prompt}&edits={Uri.EscapeDataString(Edits)}");
        try
        {
            await page.Call("Emulation.setDeviceMetricsOverride", new JsonObject
            {
                ["width"] = 360, ["height"] = 720, ["deviceScaleFactor"] = 2, ["mobile"] = true,
            });
            await page.Call("Emulation.setEmulatedMedia", new JsonObject
            {
                ["features"] = new JsonArray(
                    new JsonObject { ["name"] = "prefers-color-scheme", ["value"] = "dark" }),
            });
            await page.Call("Page.reload");
            await Task.Delay(300);
            await page.Rest();
            Assert.That((int)(await page.Value("document.documentElement.scrollWidth"))!, Is.AtMost(360));
            Assert.That((string?)await page.Value("getComputedStyle(document.body).backgroundColor"),
                Is.EqualTo("rgb(20, 24, 29)"));
        }
        finally
        {
            await page.Call("Emulation.clearDeviceMetricsOverride");
            await page.Call("Emulation.setEmulatedMedia");
        }
    }

    [Test]
    public async Task Markup_in_a_prompt_is_text_and_no_other_host_is_asked()
    {
        const string Hostile = "<script>hit = 1</script><img src=x onerror=hit=1>";
        const string Edits = """[{"site":"<img src=x onerror=hit=1>","op":"zero"}]""";
        Browser page = await Open(
            $"#prompt={Uri.EscapeDataString(Hostile)}&edits={Uri.EscapeDataString(Edits)}");
        Assert.That(await page.Text(".alert"), Does.Contain("<img src=x onerror=hit=1>"));
        page = await Open("#prompt=" + Uri.EscapeDataString(Hostile));
        Assert.That(await page.Text(".answer"), Does.StartWith(Hostile));
        Assert.That((string?)await page.Value("typeof hit"), Is.EqualTo("undefined"));
        Assert.That((int)(await page.Value("document.querySelectorAll('img').length"))!, Is.Zero);
        Assert.That((string)(await page.Value("performance.getEntriesByType('resource').map(r => r.name)"
            + ".filter(n => !n.startsWith(location.origin)).join()"))!, Is.Empty);
        // The address is no way in either.
        await page.Go(Address + "#t=%&edits=[{\"site\":1}]&h=99&l=-5&n=1e99");
        Assert.That((string)(await page.Value("location.hash"))!, Does.Contain("&l=0&h=5&"));
    }

    [Test]
    public async Task A_saved_page_needs_no_server_and_figures_are_drawings()
    {
        Browser page = await Open($"#prompt={Prompt}&l=3&h=2");
        string answer = await page.Text(".answers"), parts = await page.Text(".parts");
        foreach ((string button, string name) in new[]
        {
            ("save-head", "head-3-2.svg"), ("save-maps", "heads.svg"), ("save-stream", "stream.svg"),
        })
        {
            await page.Click($"button.{button}");
            XElement svg = XDocument.Parse(File.ReadAllText(await page.Saved(name))).Root!;
            Assert.That(svg.Name.LocalName, Is.EqualTo("svg"));
            Assert.That(svg.Descendants().Count(), Is.GreaterThan(20));
        }
        await page.Click("button.save-page");
        string saved = await page.Saved("explorer.html");
        await page.Go(new Uri(saved).AbsoluteUri);
        Assert.That(await page.Text(".answers"), Is.EqualTo(answer));
        Assert.That(await page.Text(".parts"), Is.EqualTo(parts));
        Assert.That(await page.Text(".large"), Is.EqualTo("Head 3.2"));
        await page.Click(".off");
        Assert.That(await page.Text(".alert"), Does.StartWith("This saved page does not have that"));
    }

    // It shares its parts with the explorer.
    [Test]
    public async Task The_page_of_view_draws_and_moves()
    {
        using var folder = new ScratchFolder();
        string path = folder.At("view.html");
        ViewJob.Run(new ViewOptions { Prompt = Request(Prompt), Out = path },
            new JobContext { DeviceName = "cpu" });
        _browser ??= await Browser.Start();
        await _browser.Call("Page.navigate", new JsonObject { ["url"] = new Uri(path).AbsoluteUri });
        await _browser.Until("document.querySelectorAll('.stream td').length > 0");
        await _browser.Call("Input.dispatchKeyEvent",
            new JsonObject { ["type"] = "keyDown", ["key"] = "ArrowLeft" });
        await _browser.Until("location.hash.startsWith('#t=4&')");
        Assert.That((int)(await _browser.Value("document.querySelectorAll('canvas').length"))!,
            Is.EqualTo(3));
        Assert.That((int)(await _browser.Value("document.querySelectorAll('.parts td').length"))!,
            Is.EqualTo(40));
        Assert.That(await _browser.Text(".zs"), Does.Contain("length of what it writes"));
    }

    [Test]
    public async Task A_server_with_keys_is_asked_with_one()
    {
        using var folder = new ScratchFolder();
        string file = folder.At("keys.json");
        string key = KeyFile.Add(file, "anna", [Right.Query, Right.Reads, Right.Edits]);
        await using AtlasServer locked = await AtlasServer.Start(new ServerOptions { KeysFile = file });
        _browser ??= await Browser.Start();
        await _browser.Go(locked.Server.Address.ToString());
        Assert.That(await _browser.Text(".alert"), Does.Contain("no key"));
        Assert.That((bool)(await _browser.Value("document.activeElement.className === 'key'"))!, Is.True);
        await _browser.Type(key);
        await _browser.Press("Enter");
        Assert.That(await _browser.Text(".alert"), Is.Empty);
        Assert.That(await _browser.Text(".answer"), Does.StartWith("The capital of Japan is Tokyo"));
        Assert.That((string)(await _browser.Value("location.href + document.documentElement.outerHTML"))!,
            Does.Not.Contain(key));
    }

    // Probabilities of the table of a run, to float32.
    static async Task SameNext(Browser page, int run, ViewResult view)
    {
        JsonArray rows = (await page.Value($"[...document.querySelectorAll('.next')[{run}]"
            + ".querySelectorAll('[data-token]')].map(r => [Number(r.dataset.token), Number(r.dataset.p), "
            + "r.cells[1].textContent])"))!.AsArray();
        Assert.That(rows, Has.Count.EqualTo(8));
        foreach ((JsonNode? row, ViewToken next) in rows.Zip(view.Runs[0].Next))
        {
            Assert.That((int)row![0]!, Is.EqualTo(next.Id));
            Assert.That(Math.Abs((double)row[1]! - next.P) <= 1e-5 * next.P + 1e-7, Is.True,
                $"{next.Text}: {row[1]}, view {next.P}");
            Assert.That((string?)row[2], Is.EqualTo($"{100 * next.P:0.00} %"));
        }
    }

    static ViewResult View(string prompt, string? edit, int? answer = null, int? wrong = null)
    {
        using var folder = new ScratchFolder();
        return ViewJob.Run(new ViewOptions
        {
            Prompt = Request(prompt), Edit = edit, Top = 8, Out = folder.At("view.html"),
            AnswerId = answer, WrongId = wrong,
        }, new JobContext { DeviceName = "cpu" });
    }

    static string Generate(string prompt, string? edit) => GenerateJob.Run(new GenerateOptions
    {
        Prompt = Request(prompt), Edit = edit, MaxNewTokens = 8, Greedy = true,
    }, new JobContext { DeviceName = "cpu" }).Texts[0].Text!;

    static PromptRequest Request(string prompt) => new()
    {
        Model = RunningServer.AtlasFolder, Text = prompt, Rules = new TextRules { Bos = true },
    };

    [GeneratedRegex("https?://[^\"' <]*")]
    private static partial Regex Outside();

    [GeneratedRegex("<(script|style)>(.*?)</\\1>", RegexOptions.Singleline)]
    private static partial Regex Inline();
}
