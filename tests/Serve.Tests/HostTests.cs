using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using HeadTap.Runtime;

namespace HeadTap.Serve.Tests;

/// <summary>What every address shares: routes, errors, headers, streams, keys, limits.</summary>
public sealed class HostTests
{
    const string Path = "/v1/completions";

    [Test]
    public async Task A_request_comes_to_its_endpoint_and_back_with_its_headers()
    {
        await using RunningServer server = await RunningServer.Start(new EchoEndpoint());
        using HttpResponseMessage response = await server.Post(Path, """{"prompt":"Zürich \ud83d\ude00"}""");
        JsonNode json = await RunningServer.Json(response);
        Assert.That((string)json["echo"]!["prompt"]!, Is.EqualTo("Zürich 😀"));
        Assert.That((string)json["caller"]!, Is.EqualTo("anonymous"));
        Assert.That(response.Headers.GetValues("x-request-id"), Is.EqualTo(new[] { (string)json["id"]! }));
        Assert.That(int.Parse(response.Headers.GetValues("openai-processing-ms").Single(),
            CultureInfo.InvariantCulture), Is.GreaterThanOrEqualTo(0));
        Assert.That(response.Headers.Contains("x-ratelimit-limit-requests"), Is.False);
    }

    [TestCase("my-id_1.2", true), TestCase("with blank", false), TestCase("{}", false)]
    public async Task A_sane_request_id_is_taken_over(string id, bool taken)
    {
        await using RunningServer server = await RunningServer.Start(new EchoEndpoint());
        using var request = new HttpRequestMessage(HttpMethod.Get, "/health/live");
        request.Headers.Add("x-request-id", id);
        using HttpResponseMessage response = await server.Client.SendAsync(request);
        string found = response.Headers.GetValues("x-request-id").Single();
        Assert.That(found == id, Is.EqualTo(taken), found);
        Assert.That(found, Has.Length.LessThanOrEqualTo(128).And.Matches("^[A-Za-z0-9._-]+$"));
    }

    [TestCase("/v1/nothing", "POST", 404), TestCase("/v1/../etc/passwd", "GET", 404),
        TestCase("/v1/completions/", "POST", 404), TestCase("/v1/completions", "GET", 405),
        TestCase("/health", "POST", 405), TestCase("/v1/models", "OPTIONS", 405)]
    public async Task What_is_not_there_is_an_error_object(string path, string method, int status)
    {
        await using RunningServer server = await RunningServer.Start(new EchoEndpoint());
        using HttpResponseMessage response = await server.Send(new HttpMethod(method), path, null);
        await RunningServer.Error(response, status);
        if (status == 405)
            Assert.That(response.Content.Headers.Allow, Is.Not.Empty);
    }

    [TestCase("", 400), TestCase("[]", 400), TestCase("null", 400), TestCase("{\"a\":1,\"a\":2}", 400),
        TestCase("{\"a\":1,\"\\u0061\":2}", 400), TestCase("{\"b\":{\"a\":1,\"a\":1}}", 400),
        TestCase("{\"a\":NaN}", 400), TestCase("{\"a\":1e999}", 400), TestCase("{\"a\":-1e999}", 400),
        TestCase("{\"a\":\"\\ud800\"}", 400), TestCase("{\"\\udc00\":1}", 400), TestCase("{\"a\":1,}", 400),
        TestCase("{} {}", 400), TestCase("{/**/}", 400), TestCase("{\"a\":1e308}", 200)]
    public async Task A_body_is_one_object_of_valid_JSON(string body, int status)
    {
        var echo = new EchoEndpoint();
        await using RunningServer server = await RunningServer.Start(echo);
        using HttpResponseMessage response = await server.Post(Path, body);
        if (status == 200)
            await RunningServer.Json(response);
        else
            await RunningServer.Error(response, status);
        Assert.That(echo.Answered, Is.EqualTo(status == 200 ? 1 : 0));
    }

    [TestCase(31, 200), TestCase(32, 400), TestCase(100_000, 400)]
    public async Task A_body_is_as_deep_as_the_limit(int lists, int status)
    {
        await using RunningServer server = await RunningServer.Start(new EchoEndpoint());
        string body = $"{{\"a\":{new string('[', lists)}{new string(']', lists)}}}";
        using HttpResponseMessage response = await server.Post(Path, body);
        Assert.That((int)response.StatusCode, Is.EqualTo(status));
    }

    [Test]
    public async Task A_body_that_is_not_UTF8_is_refused()
    {
        await using RunningServer server = await RunningServer.Start(new EchoEndpoint());
        var content = new ByteArrayContent([.. "{\"a\":\""u8, 0xc3, 0x28, .. "\"}"u8]);
        content.Headers.Add("Content-Type", "application/json");
        using HttpResponseMessage response = await server.Send(HttpMethod.Post, Path, content);
        Assert.That((string)(await RunningServer.Error(response, 400))["code"]!, Is.EqualTo("invalid_utf8"));
    }

    [TestCase("text/plain"), TestCase("application/x-www-form-urlencoded"), TestCase(null),
        TestCase("application/json; charset=utf-16")]
    public async Task Another_type_of_content_is_refused(string? type)
    {
        await using RunningServer server = await RunningServer.Start(new EchoEndpoint());
        var content = new ByteArrayContent("{}"u8.ToArray());
        if (type is not null)
            content.Headers.TryAddWithoutValidation("Content-Type", type);
        using HttpResponseMessage response = await server.Send(HttpMethod.Post, Path, content);
        await RunningServer.Error(response, 415);
    }

    [TestCase(false), TestCase(true)]
    public async Task A_body_that_is_too_long_is_refused(bool chunked)
    {
        var echo = new EchoEndpoint();
        await using RunningServer server =
            await RunningServer.Start(new ServerOptions { MaxBodyBytes = 1000 }, null, echo);
        string least = "{\"a\":\"" + new string('x', 1000 - 8) + "\"}", more = least.Replace("xx", "xxx");
        foreach ((string body, int status) in
            new[] { (least, 200), (least.Insert(6, "x"), 413), (more, 413) })
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, Path)
            {
                Content = new StringContent(body, Encoding.UTF8, "application/json"),
            };
            request.Headers.TransferEncodingChunked = chunked;
            using HttpResponseMessage response = await server.Client.SendAsync(request);
            Assert.That(response.Headers.ConnectionClose == true, Is.EqualTo(status == 413));
            if (status == 413)
                await RunningServer.Error(response, 413);
            else
                await RunningServer.Json(response);
        }
        Assert.That(echo.Answered, Is.EqualTo(1));
    }

    [Test]
    public async Task An_endpoints_errors_are_told_and_a_defects_details_are_not()
    {
        await using RunningServer server = await RunningServer.Start(new EchoEndpoint());
        using (HttpResponseMessage response = await server.Post(Path, """{"do":"user"}"""))
        {
            JsonNode error = await RunningServer.Error(response, 400);
            Assert.That((string)error["message"]!, Is.EqualTo("Prompt is empty; expected a text"));
            Assert.That((string)error["type"]!, Is.EqualTo("invalid_request_error"));
        }
        foreach (string what in new[] { "defect", "nan" })
            using (HttpResponseMessage response = await server.Post(Path, $$"""{"do":"{{what}}"}"""))
            {
                string id = response.Headers.GetValues("x-request-id").Single();
                string message = (string)(await RunningServer.Error(response, 500))["message"]!;
                Assert.That(message, Does.Contain(id).And.Not.Contain("secret").And.Not.Contain("Exception"));
                Assert.That(server.Log, Has.Some.Contains(id).And.Some.Contains("Exception"));
            }
        using (HttpResponseMessage response = await server.Post(Path, """{"do":"busy"}"""))
        {
            await RunningServer.Error(response, 429);
            Assert.That(response.Headers.GetValues("Retry-After").Single(), Is.EqualTo("3"));
        }
        using (HttpResponseMessage response = await server.Post(Path, """{"do":"hopeless"}"""))
        {
            await RunningServer.Error(response, 429);
            Assert.That(response.Headers.GetValues("x-should-retry").Single(), Is.EqualTo("false"));
        }
    }

    [Test]
    public async Task Bytes_come_as_they_are()
    {
        await using RunningServer server = await RunningServer.Start(new EchoEndpoint());
        using HttpResponseMessage response = await server.Post(Path, """{"do":"bytes"}""");
        Assert.That(await response.Content.ReadAsByteArrayAsync(), Is.EqualTo(new byte[] { 0, 1, 255 }));
        Assert.That(response.Content.Headers.ContentType!.MediaType, Is.EqualTo("application/octet-stream"));
        Assert.That(response.Headers.GetValues("x-shape").Single(), Is.EqualTo("3"));
    }

    [TestCase(null, "data: {\"i\":0,\"fill\":\"\"}\n\ndata: {\"i\":1,\"fill\":\"\"}\n\ndata: [DONE]\n\n")]
    [TestCase("later", "data: {\"i\":0,\"fill\":\"\"}\n\ndata: {\"i\":1,\"fill\":\"\"}\n\ndata: {\"error\":{"
        + "\"message\":\"it broke\",\"type\":\"server_error\",\"param\":null,\"code\":null}}\n\n")]
    public async Task A_stream_is_frames_of_data(string? fail, string expected)
    {
        await using RunningServer server = await RunningServer.Start(new EchoEndpoint());
        using HttpResponseMessage response =
            await server.Post(Path, $$"""{"do":"stream","n":2,"fail":"{{fail}}"}""");
        Assert.That((int)response.StatusCode, Is.EqualTo(200));
        Assert.That(response.Content.Headers.ContentType!.MediaType, Is.EqualTo("text/event-stream"));
        Assert.That(await response.Content.ReadAsStringAsync(), Is.EqualTo(expected));
    }

    [Test]
    public async Task A_stream_without_events_is_done_at_once()
    {
        await using RunningServer server = await RunningServer.Start(new EchoEndpoint());
        using HttpResponseMessage response = await server.Post(Path, """{"do":"stream","n":0}""");
        Assert.That(await response.Content.ReadAsStringAsync(), Is.EqualTo("data: [DONE]\n\n"));
    }

    [Test]
    public async Task An_error_before_the_first_event_has_its_own_status()
    {
        await using RunningServer server = await RunningServer.Start(new EchoEndpoint());
        using HttpResponseMessage response =
            await server.Post(Path, """{"do":"stream","n":2,"fail":"first"}""");
        await RunningServer.Error(response, 503);
        Assert.That(response.Headers.GetValues("Retry-After").Single(), Is.EqualTo("1"));
    }

    [Test]
    public async Task A_defect_in_a_stream_is_a_frame_without_details()
    {
        await using RunningServer server = await RunningServer.Start(new EchoEndpoint());
        using HttpResponseMessage response =
            await server.Post(Path, """{"do":"stream","n":1,"fail":"defect"}""");
        string text = await response.Content.ReadAsStringAsync();
        Assert.That(text, Does.Contain("data: {\"error\":").And.Not.Contain("secret")
            .And.Not.Contain("[DONE]"));
    }

    [Test]
    public async Task Pages_of_other_sites_and_names_of_other_hosts_are_refused()
    {
        await using RunningServer server = await RunningServer.Start(new EchoEndpoint());
        foreach ((string name, string value, int status) in new[]
        {
            ("Origin", "https://example.org", 403), ("Origin", "null", 403), ("Host", "example.org", 403),
            ("Origin", server.Server.Address.GetLeftPart(UriPartial.Authority), 200),
            ("Host", $"localhost:{server.Server.Address.Port}", 200),
        })
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/models");
            request.Headers.TryAddWithoutValidation(name, value);
            using HttpResponseMessage response = await server.Client.SendAsync(request);
            Assert.That((int)response.StatusCode, Is.EqualTo(status), $"{name}: {value}");
        }
    }

    [Test]
    public void An_address_that_others_reach_needs_keys()
    {
        var options = new ServerOptions { Listen = new IPEndPoint(IPAddress.Any, 0) };
        Assert.That(async () => await HeadTapServer.Start(options, [], new ServedModels([])),
            Throws.TypeOf<UserException>().With.Message.Contains("Keys is missing"));
    }

    [Test]
    public async Task A_port_that_is_taken_is_one_line()
    {
        await using RunningServer server = await RunningServer.Start();
        var options = new ServerOptions
        {
            Listen = new IPEndPoint(IPAddress.Loopback, server.Server.Address.Port),
        };
        Assert.That(async () => await HeadTapServer.Start(options, [], new ServedModels([])),
            Throws.TypeOf<UserException>().With.Message.Contains("cannot be listened on"));
    }

    [Test]
    public async Task The_ready_file_has_the_address()
    {
        using var folder = new ScratchFolder();
        string file = folder.At("ready");
        await using RunningServer server =
            await RunningServer.Start(new ServerOptions { ReadyFile = file }, null);
        Assert.That(await File.ReadAllTextAsync(file),
            Is.EqualTo($"http://127.0.0.1:{server.Server.Address.Port}\n"));
    }

    [Test]
    public async Task Stopping_lets_a_running_request_end_and_takes_no_other()
    {
        var echo = new EchoEndpoint();
        var release = new TaskCompletionSource();
        echo.Before = _ => release.Task;
        await using RunningServer server = await RunningServer.Start(echo);
        Task<HttpResponseMessage> running = server.Post(Path, "{}");
        await RunningServer.Until(() => echo.Answered == 1, "the request");
        Task stop = server.Server.Stop(TimeSpan.FromSeconds(20));
        await Task.Delay(100);
        Assert.That(async () => await server.Connect(),
            Throws.InstanceOf<System.Net.Sockets.SocketException>());
        Assert.That(stop.IsCompleted, Is.False);
        Assert.That(server.Log.Single(), Is.EqualTo("stopping: 1 request runs and may take 20 s to end"));
        release.SetResult();
        await RunningServer.Json(await running);
        await stop;
        Assert.That(server.Log.Last(), Is.EqualTo("stopped: waited for 1 request"));
    }

    [Test]
    public async Task A_server_at_rest_says_that_it_stops_too()
    {
        await using RunningServer server = await RunningServer.Start();
        await server.Server.Stop(TimeSpan.FromSeconds(20));
        await server.Server.Stop(TimeSpan.FromSeconds(20));
        Assert.That(server.Log,
            Is.EqualTo((string[])["stopping: 0 requests run", "stopped: waited for 0 requests"]));
    }

    [Test]
    public async Task Stopping_cancels_a_request_that_outlives_the_grace()
    {
        var echo = new EchoEndpoint();
        await using RunningServer server = await RunningServer.Start(echo);
        Task<HttpResponseMessage> running = server.Post(Path, """{"do":"wait"}""");
        await RunningServer.Until(() => echo.Answered == 1, "the request");
        await server.Server.Stop(TimeSpan.FromSeconds(0.3));
        Assert.That(echo.Aborted, Is.EqualTo(1));
        await RunningServer.Error(await running, 503);
        Assert.That(server.Log, Is.EqualTo((string[])["stopping: 1 request runs and may take 0.3 s to end",
            "stopped: waited for 1 request, of which 1 was cancelled"]));
    }
}
