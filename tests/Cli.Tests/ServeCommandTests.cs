using System.Net.Http.Json;
using System.Text.Json.Nodes;
using HeadTap.Runtime;
using HeadTap.Serve;

namespace HeadTap.Cli.Tests;

/// <summary><c>serve</c>: what it refuses before it listens, its keys, and one round with the shipped
/// model.</summary>
public sealed class ServeCommandTests
{
    static string Atlas => Path.Combine(TestContext.CurrentContext.TestDirectory, "weights", "atlas");

    [Test]
    public void What_cannot_be_served_is_one_line()
    {
        Assert.That(Headtap.Refused("serve"), Does.Contain("--model"));
        Assert.That(Headtap.Refused("serve", "--model", "no-such-folder"), Does.Contain("no-such-folder"));
        foreach (string open in new[] { "0.0.0.0:0", "[::]:0", "10.1.2.3:80" })
            Assert.That(Headtap.Refused("serve", "--model", Atlas, "--listen", open),
                Does.Contain("--keys is missing"));
        foreach (string wrong in new[] { "8080", "example.org:80", "127.0.0.1:99999", "" })
            Assert.That(Headtap.Refused("serve", "--model", Atlas, "--listen", wrong),
                Does.Contain("--listen is"));
        Assert.That(Headtap.Refused("serve", "--model", Atlas, "--port", "70000"), Does.Contain("--port is"));
        Assert.That(Headtap.Refused("serve", "--model", $"a={Atlas}", "--model", $"a={Atlas}"),
            Does.Contain("two models are named \"a\""));
        Assert.That(Headtap.Refused("serve", "--model", Atlas, "--jobs", "-1"), Does.Contain("--jobs is -1"));
        Assert.That(Headtap.Refused("serve", "--model", Atlas, "--keys", "no-keys.json"),
            Does.Contain("no file of keys"));
    }

    [TestCase("127.0.0.1:81", null, "127.0.0.1:81"), TestCase("127.0.0.1", null, "127.0.0.1:8080"),
        TestCase("127.0.0.1:81", 0, "127.0.0.1:0"), TestCase("localhost:9", null, "127.0.0.1:9"),
        TestCase("[::1]:9", null, "[::1]:9"), TestCase("::1", null, "[::1]:8080"),
        TestCase("127.0.0.1:0", null, "127.0.0.1:0")]
    public void Addresses_are_read(string text, int? port, string expected)
        => Assert.That(ServeJob.AddressOf(text, port).ToString(), Is.EqualTo(expected));

    [TestCase("a=dir", "a", "dir"), TestCase("x/y=z", "y=z", "x/y=z"), TestCase("dir/", "dir", "dir/")]
    public void A_model_has_a_name(string text, string name, string folder)
    {
        Assert.That(ServeJob.Split(text).Name, Is.EqualTo(name));
        Assert.That(ServeJob.Split(text).Folder, Is.EqualTo(folder));
    }

    [Test]
    public void Keys_are_made_listed_and_removed()
    {
        using var folder = new TemporaryFolder();
        string file = Path.Combine(folder.Path, "keys.json");
        string key = Headtap.Done("serve", "key", "add", "anna", "--rights", "query,jobs", "--file",
            file).Out;
        Assert.That(key, Does.Match("^ht-[A-Za-z0-9_-]{43}\n$"));
        Assert.That(Headtap.Done("serve", "key", "list", "--file", file).Out,
            Is.EqualTo("anna  standard  query,jobs\n"));
        Assert.That(Headtap.Refused("serve", "key", "add", "anna", "--file", file), Does.Contain("anna"));
        Assert.That(Headtap.Refused("serve", "key", "add", "ben", "--rights", "all", "--file", file),
            Does.Contain("expected one of query, embeddings, reads, edits, jobs"));
        Headtap.Done("serve", "key", "remove", "anna", "--file", file);
        Assert.That(Headtap.Done("serve", "key", "list", "--file", file).Out, Is.Empty);
    }

    [Test]
    public void Verbs_of_jobs_are_those_of_the_program_and_check_as_it_does()
    {
        var verbs = new JobVerbs();
        JobVerb train = verbs.All.Single(v => v.Name == "lens train");
        Assert.That(train.Options.Single(o => o.Name == "--model").Kind, Is.EqualTo(JobOptionKind.Reads));
        Assert.That(train.Options.Single(o => o.Name == "--out").Kind, Is.EqualTo(JobOptionKind.Writes));
        foreach (JobVerb verb in verbs.All)
        {
            Assert.That(verb.Options.Select(o => o.Name), Does.Not.Contain("--config").And.Not
                .Contain("--device").And.Not.Contain("--threads").And.Not.Contain("--help"), verb.Name);
            Assert.That(verb.Options.Select(o => o.Name), Does.Contain("--seed"), verb.Name);
        }
        Assert.That(() => verbs.Check(["eval", "--modle=x"]),
            Throws.TypeOf<UserException>().With.Message.Contains("'--modle=x'"));
        Assert.That(verbs.Check(["eval", $"--model={Atlas}", "--text-file=--model=/x"]),
            Is.EquivalentTo((string[])[Atlas, "--model=/x"]));
        using var folder = new TemporaryFolder();
        string edit = Path.Combine(folder.Path, "edit.json");
        File.WriteAllText(edit, """{"edits":[{"value":{"tensor":"/etc/passwd"}}]}""");
        Assert.That(verbs.Check(["eval", $"--model={Atlas}", $"--edit={edit}"]),
            Is.EquivalentTo((string[])[Atlas, edit, "/etc/passwd"]));
    }

    [Test]
    public async Task The_shipped_model_is_served_until_the_server_is_told_to_stop()
    {
        using var folder = new TemporaryFolder();
        string ready = Path.Combine(folder.Path, "ready");
        using var stop = new CancellationTokenSource();
        Task<Headtap> run = Task.Run(() => Headtap.RunUntil(
            stop.Token, "serve", "--model", $"atlas={Atlas}", "--port", "0", "--ready-file", ready));
        for (int i = 0; !File.Exists(ready) && !run.IsCompleted; i++)
            await Task.Delay(20);
        Assert.That(run.IsCompleted, Is.False);
        using var client = new HttpClient { BaseAddress = new Uri((await File.ReadAllTextAsync(
            ready)).Trim()) };
        while ((int)(await client.GetAsync("/health")).StatusCode == 503)
            await Task.Delay(20);
        JsonNode models = (await client.GetFromJsonAsync<JsonNode>("/v1/models"))!;
        Assert.That((string)models["data"]![0]!["headtap"]!["weights_sha256"]!,
            Is.EqualTo("09bea811c6422ba2f31047387dca021c7a4dd5b810236bfbc7d615587eafdc8d"));
        using HttpResponseMessage reply = await client.PostAsJsonAsync(
            "/v1/headtap/run", new { model = "atlas", inputs = new[] { new { ids = new[] { 5, 6 } } } });
        string file = folder.Write("reply.json", await reply.Content.ReadAsStringAsync());
        await stop.CancelAsync();
        Headtap done = await run;
        Assert.That(done.Code, Is.Zero, done.Error);
        Assert.That(done.Error, Does.Contain("stopping: 0 requests run\nstopped: waited for 0 requests\n"));
        Assert.That(done.Out,
            Is.EqualTo($"headtap serves at {client.BaseAddress!.ToString().TrimEnd('/')}\n"));

        // What it answered is made again without it; a record alone compares nothing, and says so.
        Assert.That(Headtap.Done("replay", file, "--model", Atlas).Out, Does.StartWith("the same bytes; "));
        string record = folder.Write("record.json",
            JsonNode.Parse(File.ReadAllText(file))!["replay"]!.ToJsonString());
        Assert.That(Headtap.Done("replay", record, "--model", Atlas).Out,
            Does.StartWith("made again; nothing was compared, for the file has the record alone; request "));
    }
}
