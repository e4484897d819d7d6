using System.Text.Json.Nodes;
using HeadTap.Runtime;

namespace HeadTap.Serve.Tests;

/// <summary><c>/v1/headtap/jobs</c>, with a shell script in place of the program.</summary>
[Platform(Exclude = "Win")]
public sealed class JobRouteTests
{
    // Does what --do says; its state is the file count, as a run folder's would be.
    const string Script = """
        echo "$@" >&2
        case " $* " in
          *" --do=fail "*) echo "headtap: --do is fail; expected better" >&2; exit 2;;
          *" --do=defect "*) echo "   at Secret.Method()" >&2; exit 1;;
          *" --do=wait "*) trap 'echo saved > saved; exit 130' TERM; echo x >> count
             [ "$(wc -l < count)" -ge 2 ] && { echo '{"resumed":true}'; exit 0; }
             while :; do sleep 0.05; done;;
          *" --do=deaf "*) trap '' TERM; echo x > deaf; while :; do sleep 0.05; done;;
          *" --do=env "*) env;;
        esac
        mkdir -p out; echo made > out/file.txt; ln -s /etc/passwd out/link
        echo '{"done":true}'
        """;

    [Test]
    public async Task A_job_runs_its_verb_and_keeps_what_it_wrote()
    {
        using var folder = new ScratchFolder();
        await using RunningServer server = await Start(folder);
        JsonNode job = await Run(server, "work");
        Assert.That((string)job["state"]!, Is.EqualTo("completed"), job.ToJsonString());
        Assert.That((int)job["exit_code"]!, Is.Zero);
        Assert.That((string)job["log_tail"]!, Is.EqualTo("toy run --do=work --json\n"));
        Assert.That(job.AsObject().Select(f => f.Key),
            Does.Not.Contain("arguments").And.Not.Contain("owner"));
        string path = $"/v1/headtap/jobs/{(string)job["id"]!}/artefacts";
        JsonNode list = await RunningServer.Json(await server.Get(path));
        Assert.That(list["data"]!.ToJsonString(), Is.EqualTo(
            """[{"path":"out/file.txt","bytes":5},{"path":"result.json","bytes":14}]"""));
        using HttpResponseMessage file = await server.Get(path + "/out/file.txt");
        Assert.That(await file.Content.ReadAsStringAsync(), Is.EqualTo("made\n"));
        foreach (string wrong in
            new[] { "/out/link", "/..%2fjob.json", "/out/..%2f..%2fjob.json", "/none", "/out" })
        {
            using HttpResponseMessage refused = await server.Get(path + wrong);
            Assert.That((int)refused.StatusCode, Is.EqualTo(400).Or.EqualTo(404), wrong);
            Assert.That(await refused.Content.ReadAsStringAsync(), Does.Not.Contain("root:"));
        }
    }

    [Test]
    public async Task A_job_that_fails_says_why_and_not_more()
    {
        using var folder = new ScratchFolder();
        await using RunningServer server = await Start(folder);
        JsonNode job = await Run(server, "fail");
        Assert.That((string)job["state"]!, Is.EqualTo("failed"));
        Assert.That((string)job["error"]!, Is.EqualTo("--do is fail; expected better"));
        job = await Run(server, "defect");
        Assert.That((string)job["error"]!, Is.EqualTo("the verb ended with exit code 1"));
    }

    [TestCase("""{"verb":"toy rm","options":{}}""", 400), TestCase("""{"verb":"toy run"}""", 400),
        TestCase("""{"verb":"toy run","options":[]}""", 400),
        TestCase("""{"verb":"toy run","options":{"device":"cuda"}}""", 400),
        TestCase("""{"verb":"toy run","options":{"in":"/etc/passwd"}}""", 400),
        TestCase("""{"verb":"toy run","options":{"in":"../../job.json"}}""", 400),
        TestCase("""{"verb":"toy run","options":{"in":"out/../../x"}}""", 400),
        TestCase("""{"verb":"toy run","options":{"out":"/tmp/x"}}""", 400),
        TestCase("""{"verb":"toy run","options":{"out":"toy"}}""", 200),
        TestCase("""{"verb":"toy run","options":{"in":"file-00000000000000000000000000000000"}}""", 404),
        TestCase("""{"verb":"toy run","options":{"in":"job_00000000000000000000000000000000/x"}}""", 404),
        TestCase("""{"verb":"toy run","options":{"names":"elsewhere"}}""", 400),
        TestCase("""{"verb":"toy run","options":{"bad":"x"}}""", 400),
        TestCase("""{"verb":"toy run","options":{"do":"a\u0000b"}}""", 400),
        TestCase("""{"verb":"toy run","options":{"flag":"yes"}}""", 400),
        TestCase("""{"verb":"toy run","options":{"do":["a","b"]}}""", 400),
        TestCase("""{"verb":"toy run","options":{},"argv":["x"]}""", 400)]
    public async Task Only_known_options_and_own_places_are_taken(string body, int status)
    {
        using var folder = new ScratchFolder();
        await using RunningServer server = await Start(folder);
        using HttpResponseMessage response = await server.Post("/v1/headtap/jobs", body);
        if (status == 200)
        {
            await RunningServer.Json(response);
            return;
        }
        JsonNode error = await RunningServer.Error(response, status);
        Assert.That((string)error["message"]!, Does.Not.Contain(folder.Path));
        Assert.That(Directory.GetDirectories(folder.At("data", "jobs")), Is.Empty);
    }

    [Test]
    public async Task Values_are_single_arguments_and_paths_are_resolved()
    {
        using var folder = new ScratchFolder();
        await using RunningServer server = await Start(folder);
        string file = (string)(await RunningServer.Json(
            await FileRouteTests.Upload(server, "abc"u8.ToArray(), "x.txt")))["id"]!;
        string first = await Create(server, """{"verb":"toy run","options":{"do":"work"}}""");
        await Over(server, first);
        var body = new JsonObject
        {
            ["verb"] = "toy run",
            ["options"] = new JsonObject
            {
                ["do"] = "--out=/tmp/x; rm -rf $HOME", ["flag"] = true,
                ["in"] = new JsonArray(file, "toy", $"{first}/out/file.txt"), ["out"] = "made",
            },
        };
        JsonNode job = await Over(server, await Create(server, body.ToJsonString()));
        string work = folder.At("data", "jobs", (string)job["id"]!, "work");
        string other = folder.At("data", "jobs", first, "work", "out", "file.txt");
        Assert.That(FakeVerbs.Last, Is.EqualTo((string[])["toy", "run", "--do=--out=/tmp/x; rm -rf $HOME",
            "--flag", $"--in={work}/inputs/{file}.txt", $"--in={folder.At("model")}", $"--in={other}",
            $"--out={work}/made"]));
        Assert.That(File.ReadAllText($"{work}/inputs/{file}.txt"), Is.EqualTo("abc"));
    }

    [Test]
    public async Task A_child_sees_little_of_the_servers_environment()
    {
        using var folder = new ScratchFolder();
        Environment.SetEnvironmentVariable("HEADTAP_TEST_SECRET", "hush");
        await using RunningServer server = await Start(folder);
        JsonNode job = await Run(server, "env");
        using HttpResponseMessage result =
            await server.Get($"/v1/headtap/jobs/{(string)job["id"]!}/artefacts/result.json");
        Assert.That(await result.Content.ReadAsStringAsync(),
            Does.Contain("HEADTAP_PROGRESS_FILE=").And.Not.Contain("hush"));
    }

    [Test]
    public async Task Jobs_wait_for_each_other_and_can_be_cancelled()
    {
        using var folder = new ScratchFolder();
        await using RunningServer server = await Start(folder);
        const string wait = """{"verb":"toy run","options":{"do":"wait"}}""";
        string one = await Create(server, wait), two = await Create(server, wait);
        string three = await Create(server, wait);
        await RunningServer.Until(() => File.Exists(Count(one)), "the job");
        JsonNode last = await RunningServer.Json(await server.Get($"/v1/headtap/jobs/{three}"));
        Assert.That((string)last["state"]!, Is.EqualTo("queued"));
        Assert.That((int)last["position"]!, Is.EqualTo(2));
        await RunningServer.Error(await server.Send(HttpMethod.Delete, $"/v1/headtap/jobs/{one}", null), 409);
        JsonNode cancelled = await RunningServer.Json(
            await server.Send(HttpMethod.Post, $"/v1/headtap/jobs/{two}/cancel", null));
        Assert.That((string)cancelled["state"]!, Is.EqualTo("cancelled"));
        await server.Send(HttpMethod.Post, $"/v1/headtap/jobs/{one}/cancel", null);
        JsonNode first = await Over(server, one);
        Assert.That((string)first["state"]!, Is.EqualTo("cancelled"));
        Assert.That((int)first["exit_code"]!, Is.EqualTo(130));
        Assert.That(File.Exists(folder.At("data", "jobs", one, "work", "saved")), "it could save");
        Assert.That(File.Exists(folder.At("data", "jobs", two, "work", "count")), Is.False);
        await RunningServer.Until(() => File.Exists(Count(three)), "the third");
        await RunningServer.Json(await server.Send(HttpMethod.Delete, $"/v1/headtap/jobs/{one}", null));
        Assert.That(Directory.Exists(folder.At("data", "jobs", one)), Is.False);

        string Count(string id) => folder.At("data", "jobs", id, "work", "count");
    }

    [Test]
    public async Task A_job_starts_again_with_the_server()
    {
        using var folder = new ScratchFolder();
        string id;
        await using (RunningServer server = await Start(folder))
        {
            id = await Create(server, """{"verb":"toy run","options":{"do":"wait"}}""");
            await RunningServer.Until(
                () => File.Exists(folder.At("data", "jobs", id, "work", "count")), "the job");
        }
        Assert.That(File.Exists(folder.At("data", "jobs", id, "work", "saved")), "it could save");
        await using RunningServer again = await Start(folder);
        JsonNode job = await Over(again, id);
        Assert.That((string)job["state"]!, Is.EqualTo("completed"));
        Assert.That((int)job["runs"]!, Is.EqualTo(2));
    }

    [Test]
    public async Task Another_keys_job_is_not_there()
    {
        using var folder = new ScratchFolder();
        string keys = folder.At("keys.json");
        string anna = KeyFile.Add(keys, "anna", [Right.Jobs]), ben = KeyFile.Add(keys, "ben", [Right.Jobs]);
        string eve = KeyFile.Add(keys, "eve", [Right.Query]);
        await using RunningServer server = await Start(folder, keys, anna);
        string id = await Create(server, """{"verb":"toy run","options":{"do":"work"}}""");
        await Over(server, id);
        foreach (string path in new[] { "", "/log", "/artefacts", "/artefacts/out/file.txt" })
        {
            await RunningServer.Error(await server.Get($"/v1/headtap/jobs/{id}{path}", ben), 404);
            await RunningServer.Error(await server.Get($"/v1/headtap/jobs/{id}{path}", eve), 403);
        }
        await RunningServer.Error(
            await server.Send(HttpMethod.Delete, $"/v1/headtap/jobs/{id}", null, ben), 404);
        await RunningServer.Error(await server.Post("/v1/headtap/jobs",
            $$$"""{"verb":"toy run","options":{"in":"{{{id}}}/out/file.txt"}}""", ben), 404);
        Assert.That((await RunningServer.Json(await server.Get("/v1/headtap/jobs", ben)))["data"]!.AsArray(),
            Is.Empty);
    }

    static Task<RunningServer> Start(ScratchFolder folder, string? keys = null, string? key = null)
    {
        string script = folder.At("program.sh");
        File.WriteAllText(script, Script);
        Directory.CreateDirectory(folder.At("model"));
        return RunningServer.Start(new ServerOptions
        {
            DataFolder = folder.At("data"), KeysFile = keys, JobProgram = ["/bin/sh", script],
        }, key, new FakeVerbs(), folder.At("model"));
    }

    static async Task<string> Create(RunningServer server, string body)
        => (string)(await RunningServer.Json(await server.Post("/v1/headtap/jobs", body)))["id"]!;

    static async Task<JsonNode> Run(RunningServer server, string what)
        => await Over(server,
            await Create(server, $$$"""{"verb":"toy run","options":{"do":"{{{what}}}"}}"""));

    static async Task<JsonNode> Over(RunningServer server, string id)
    {
        for (int i = 0; i < 2000; i++)
        {
            JsonNode job = await RunningServer.Json(await server.Get($"/v1/headtap/jobs/{id}"));
            if ((string)job["state"]! is "completed" or "failed" or "cancelled")
                return job;
            await Task.Delay(10);
        }
        throw new AssertionException("the job does not end");
    }

    sealed class FakeVerbs : IJobVerbs
    {
        internal static IReadOnlyList<string> Last { get; private set; } = [];

        public IReadOnlyList<JobVerb> All { get; } =
        [
            new("toy run", "Does what is said.",
            [
                new("--do", JobOptionKind.Value, false, false, false, ""),
                new("--bad", JobOptionKind.Value, false, false, false, ""),
                new("--names", JobOptionKind.Value, false, false, false, ""),
                new("--flag", JobOptionKind.Flag, false, false, false, ""),
                new("--in", JobOptionKind.Reads, true, false, false, ""),
                new("--out", JobOptionKind.Writes, false, false, false, ""),
            ]),
        ];

        public IReadOnlyList<string> Check(IReadOnlyList<string> arguments)
        {
            Last = arguments;
            if (arguments.Any(a => a.StartsWith("--bad")))
                throw new UserException("--bad is x; expected none");
            return arguments.Any(a => a.StartsWith("--names")) ? ["/etc/passwd"] : [];
        }
    }
}
