using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using HeadTap.Runtime;

namespace HeadTap.Serve.Tests;

/// <summary>Keys, rights and limits.</summary>
public sealed class KeyTests
{
    const string Path = "/v1/completions";

    [Test]
    public void A_file_of_keys_holds_the_hash_of_a_key_and_not_the_key()
    {
        using var folder = new ScratchFolder();
        string file = folder.At("keys.json");
        string one = KeyFile.Add(file, "anna", [Right.Query]);
        string two = KeyFile.Add(file, "ben", [Right.Jobs, Right.Query, Right.Jobs], "bulk");
        Assert.That(one, Does.Match("^ht-[A-Za-z0-9_-]{43}$").And.Not.EqualTo(two));
        string text = File.ReadAllText(file);
        Assert.That(text, Does.Not.Contain(one).And.Not.Contain(two[3..]));
        Assert.That(text, Does.Contain(
            Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(one)))));
        IReadOnlyList<KeyEntry> keys = KeyFile.Read(file);
        Assert.That(keys.Select(k => k.Name), Is.EqualTo((string[])["anna", "ben"]));
        Assert.That(keys[1].Rights, Is.EqualTo((Right[])[Right.Query, Right.Jobs]));
        Assert.That(keys[1].Tier, Is.EqualTo("bulk"));
        if (!OperatingSystem.IsWindows())
            Assert.That(File.GetUnixFileMode(file),
                Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite));
        KeyFile.Remove(file, "anna");
        Assert.That(KeyFile.Read(file).Select(k => k.Name), Is.EqualTo((string[])["ben"]));
    }

    [Test]
    public void Wrong_names_rights_and_files_are_one_line()
    {
        using var folder = new ScratchFolder();
        string file = folder.At("keys.json");
        KeyFile.Add(file, "anna", [Right.Query]);
        Assert.That(() => KeyFile.Add(file, "anna", [Right.Query]), Refuses("has a key named"));
        Assert.That(() => KeyFile.Add(file, "a b", [Right.Query]), Refuses("name"));
        Assert.That(() => KeyFile.Add(file, "anonymous", [Right.Query]), Refuses("without a key"));
        Assert.That(() => KeyFile.Add(file, "ben", []), Refuses("no right"));
        Assert.That(() => KeyFile.ParseRights("query,root"), Refuses("\"root\""));
        Assert.That(() => KeyFile.ParseRights("0"), Refuses("\"0\""));
        Assert.That(() => KeyFile.Remove(file, "ana"), Refuses("the nearest is anna"));
        File.WriteAllText(file, "{\"keys\":[{\"name\":\"x\",\"sha256\":\"00\",\"rights\":[]}]}");
        Assert.That(() => KeyFile.Read(file), Refuses("no file of keys"));
    }

    [Test]
    public async Task A_key_opens_what_it_has_the_right_to()
    {
        using var folder = new ScratchFolder();
        string file = folder.At("keys.json");
        string query = KeyFile.Add(file, "anna", [Right.Query]);
        string reads = KeyFile.Add(file, "ben", [Right.Reads]);
        var echo = new EchoEndpoint();
        await using RunningServer server = await RunningServer.Start(
            new ServerOptions { KeysFile = file }, null, echo,
            new EchoEndpoint("/v1/headtap/run", Right.Reads));
        Assert.That((string)(await RunningServer.Json(await server.Post(Path, "{}", query)))["caller"]!,
            Is.EqualTo("anna"));
        await RunningServer.Error(await server.Post(Path, "{}", reads), 403);
        await RunningServer.Error(await server.Post("/v1/headtap/run", "{}", query), 403);
        await RunningServer.Json(await server.Post("/v1/headtap/run", "{}", reads));
        Assert.That(echo.Answered, Is.EqualTo(1));
    }

    [Test]
    public async Task Without_its_key_in_its_place_nothing_is_answered_but_health()
    {
        using var folder = new ScratchFolder();
        string file = folder.At("keys.json");
        string key = KeyFile.Add(file, "anna", [Right.Query]);
        var echo = new EchoEndpoint();
        await using RunningServer server =
            await RunningServer.Start(new ServerOptions { KeysFile = file }, null, echo);
        foreach (string wrong in
            new[] { "x", key[..^1], key + "A", key.ToUpperInvariant(), "", key + " " + key })
        {
            JsonNode error = await RunningServer.Error(await server.Post(Path, "{}", wrong), 401);
            Assert.That((string)error["code"]!, Is.EqualTo("invalid_api_key"));
        }
        foreach ((string header, string value) in new[]
        {
            ("api-key", key), ("Authorization", key), ("Authorization", "Basic " + key), ("Cookie", key),
        })
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/models");
            request.Headers.TryAddWithoutValidation(header, value);
            await RunningServer.Error(await server.Client.SendAsync(request), 401);
        }
        await RunningServer.Error(await server.Post($"{Path}?api_key={key}", $$"""{"key":"{{key}}"}"""), 401);
        foreach (string path in new[] { "/v1/models", "/metrics", "/v1/nothing", "/v1/files" })
            await RunningServer.Error(await server.Get(path), 401);
        foreach (string path in new[] { "/health", "/health/live", "/health/ready" })
            await RunningServer.Json(await server.Get(path));
        Assert.That(echo.Answered, Is.Zero);
    }

    [Test]
    public async Task A_key_that_is_removed_opens_nothing_any_more()
    {
        using var folder = new ScratchFolder();
        string file = folder.At("keys.json");
        string key = KeyFile.Add(file, "anna", [Right.Query]);
        KeyFile.Add(file, "ben", [Right.Query]);
        await using RunningServer server =
            await RunningServer.Start(new ServerOptions { KeysFile = file }, key);
        await RunningServer.Json(await server.Get("/v1/models"));
        KeyFile.Remove(file, "anna");
        await Task.Delay(1200);
        await RunningServer.Error(await server.Get("/v1/models"), 401);
    }

    [Test]
    public async Task A_limit_of_requests_is_told_and_held_for_each_key()
    {
        using var folder = new ScratchFolder();
        string file = folder.At("keys.json");
        string anna = KeyFile.Add(file, "anna", [Right.Query]), ben = KeyFile.Add(file, "ben", [Right.Query]);
        await using RunningServer server = await RunningServer.Start(
            new ServerOptions { KeysFile = file, RequestsPerMinute = 3 }, null, new EchoEndpoint());
        for (int i = 0; i < 3; i++)
        {
            using HttpResponseMessage response = await server.Post(Path, "{}", anna);
            await RunningServer.Json(response);
            Assert.That(Header(response, "x-ratelimit-limit-requests"), Is.EqualTo("3"));
            Assert.That(Header(response, "x-ratelimit-remaining-requests"), Is.EqualTo($"{2 - i}"));
            Assert.That(Header(response, "x-ratelimit-reset-requests"), Does.Match("^([0-9]+m)?[0-9.]+m?s$"));
        }
        using HttpResponseMessage refused = await server.Post(Path, "{}", anna);
        Assert.That((string)(await RunningServer.Error(refused, 429))["code"]!,
            Is.EqualTo("rate_limit_exceeded"));
        Assert.That(int.Parse(Header(refused, "Retry-After")), Is.InRange(1, 20));
        await RunningServer.Json(await server.Post(Path, "{}", ben));
    }

    [Test]
    public async Task Tokens_are_charged_afterwards_and_a_debt_closes_the_door()
    {
        await using RunningServer server = await RunningServer.Start(
            new ServerOptions { TokensPerMinute = 100 }, null, new EchoEndpoint());
        await RunningServer.Json(await server.Post(Path, """{"charge":150}"""));
        using HttpResponseMessage refused = await server.Post(Path, "{}");
        await RunningServer.Error(refused, 429);
        Assert.That(Header(refused, "x-ratelimit-remaining-tokens"), Is.EqualTo("0"));
        Assert.That(int.Parse(Header(refused, "Retry-After")), Is.InRange(28, 31));
    }

    [Test]
    public void A_bucket_fills_evenly_and_not_beyond_its_size()
    {
        var clock = new HandClock();
        var budget = new KeyBudget(60, clock);
        Assert.That(budget.TryTake(60, out _), Is.True);
        Assert.That(budget.TryTake(1, out TimeSpan wait), Is.False);
        Assert.That(wait.TotalSeconds, Is.EqualTo(1).Within(1e-6));
        clock.Now += 1.0;
        Assert.That(budget.TryTake(1, out _), Is.True);
        Assert.That(budget.TryTake(1, out _), Is.False);
        budget.Charge(29);
        Assert.That(budget.State().Remaining, Is.Zero);
        Assert.That(budget.State().Reset.TotalSeconds, Is.EqualTo(89).Within(1e-6));
        clock.Now += 10_000;
        Assert.That(budget.State(), Is.EqualTo((60, TimeSpan.Zero)));
    }

    [TestCase(0.0121, "13ms"), TestCase(1.5, "1.5s"), TestCase(360, "6m0s"), TestCase(61.2, "1m2s"),
        TestCase(0, "0ms")]
    public void Times_of_limits_are_written_as_clients_know_them(double seconds, string expected)
        => Assert.That(KeyBudgets.Span(TimeSpan.FromSeconds(seconds)), Is.EqualTo(expected));

    static string Header(HttpResponseMessage response, string name)
        => response.Headers.GetValues(name).Single();

    static NUnit.Framework.Constraints.Constraint Refuses(string words)
        => Throws.TypeOf<UserException>().With.Message.Contains(words);

    sealed class HandClock : TimeProvider
    {
        internal double Now { get; set; }

        public override long TimestampFrequency => 1_000_000;

        public override long GetTimestamp() => (long)(Now * 1_000_000);
    }
}
