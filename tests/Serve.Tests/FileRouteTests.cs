using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;

namespace HeadTap.Serve.Tests;

/// <summary><c>/v1/files</c>.</summary>
public sealed class FileRouteTests
{
    [Test]
    public async Task A_file_is_stored_listed_read_and_deleted()
    {
        using var folder = new ScratchFolder();
        await using RunningServer server = await Start(folder);
        byte[] content = [.. Enumerable.Range(0, 100_000).Select(i => (byte)(i * 7))];
        JsonNode file = await RunningServer.Json(await Upload(server, content, "a b.jsonl"));
        string id = (string)file["id"]!;
        Assert.That(id, Does.Match("^file-[0-9a-f]{32}$"));
        Assert.That((int)file["bytes"]!, Is.EqualTo(content.Length));
        Assert.That((string)file["filename"]!, Is.EqualTo("a b.jsonl"));
        Assert.That((string)file["purpose"]!, Is.EqualTo("batch"));
        JsonNode list = await RunningServer.Json(await server.Get("/v1/files"));
        Assert.That(JsonNode.DeepEquals(list["data"]![0], file), Is.True);
        using HttpResponseMessage whole = await server.Get($"/v1/files/{id}/content");
        Assert.That(await whole.Content.ReadAsByteArrayAsync(), Is.EqualTo(content));
        JsonNode gone = await RunningServer.Json(
            await server.Send(HttpMethod.Delete, $"/v1/files/{id}", null));
        Assert.That((bool)gone["deleted"]!, Is.True);
        await RunningServer.Error(await server.Get($"/v1/files/{id}"), 404);
        Assert.That(Directory.GetDirectories(folder.At("files")), Is.Empty);
    }

    [TestCase("bytes=0-9", 206, 0, 10), TestCase("bytes=90-", 206, 90, 10), TestCase("bytes=-5", 206, 95, 5),
        TestCase("bytes=200-", 416, 0, 0), TestCase("bytes=nonsense", 200, 0, 100)]
    public async Task A_range_of_a_file_is_read(string range, int status, int from, int length)
    {
        using var folder = new ScratchFolder();
        await using RunningServer server = await Start(folder);
        byte[] content = [.. Enumerable.Range(0, 100).Select(i => (byte)i)];
        string id = (string)(await RunningServer.Json(await Upload(server, content)))["id"]!;
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/v1/files/{id}/content");
        request.Headers.TryAddWithoutValidation("Range", range);
        using HttpResponseMessage response = await server.Client.SendAsync(request);
        Assert.That((int)response.StatusCode, Is.EqualTo(status));
        if (status != 416)
            Assert.That(await response.Content.ReadAsByteArrayAsync(),
                Is.EqualTo(content.AsSpan(from, length).ToArray()));
    }

    [Test]
    public async Task A_file_that_the_client_has_is_not_sent_again()
    {
        using var folder = new ScratchFolder();
        await using RunningServer server = await Start(folder);
        string id = (string)(await RunningServer.Json(await Upload(server, "abc"u8.ToArray())))["id"]!;
        using HttpResponseMessage first = await server.Get($"/v1/files/{id}/content");
        Assert.That(first.Headers.ETag!.Tag,
            Is.EqualTo("\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\""));
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/v1/files/{id}/content");
        request.Headers.IfNoneMatch.Add(first.Headers.ETag);
        using HttpResponseMessage second = await server.Client.SendAsync(request);
        Assert.That((int)second.StatusCode, Is.EqualTo(304));
    }

    [Test]
    public async Task Another_keys_file_is_not_there()
    {
        using var folder = new ScratchFolder();
        string keys = folder.At("keys.json");
        string anna = KeyFile.Add(keys, "anna", [Right.Query]), ben = KeyFile.Add(keys, "ben", [Right.Query]);
        await using RunningServer server = await RunningServer.Start(
            new ServerOptions { DataFolder = folder.At("data"), KeysFile = keys }, anna);
        string id = (string)(await RunningServer.Json(await Upload(server, "abc"u8.ToArray())))["id"]!;
        JsonNode missing = await RunningServer.Error(
            await server.Get("/v1/files/file-" + new string('0', 32), ben), 404);
        foreach (string path in new[] { $"/v1/files/{id}", $"/v1/files/{id}/content" })
        {
            JsonNode error = await RunningServer.Error(await server.Get(path, ben), 404);
            Assert.That((string)error["code"]!, Is.EqualTo((string)missing["code"]!));
        }
        await RunningServer.Error(await server.Send(HttpMethod.Delete, $"/v1/files/{id}", null, ben), 404);
        JsonNode list = await RunningServer.Json(await server.Get("/v1/files", ben));
        Assert.That(list["data"]!.AsArray(), Is.Empty);
        using HttpResponseMessage own = await server.Get($"/v1/files/{id}/content");
        Assert.That(await own.Content.ReadAsStringAsync(), Is.EqualTo("abc"));
    }

    [TestCase("../keys.json"), TestCase("..%2Fkeys.json"), TestCase("%2e%2e%2f%2e%2e%2fetc%2fpasswd"),
        TestCase("file-../../../../../../../etc/passwd"), TestCase("file-%00"), TestCase("."),
        TestCase("%5c")]
    public async Task No_id_leads_out_of_the_store(string id)
    {
        using var folder = new ScratchFolder();
        await File.WriteAllTextAsync(folder.At("keys.json"), "secret");
        await using RunningServer server = await Start(folder);
        foreach (string path in new[] { $"/v1/files/{id}/content", $"/v1/files/{id}" })
        {
            using System.Net.Sockets.Socket socket = await server.Connect();
            await socket.SendAsync(Encoding.ASCII.GetBytes(
                $"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"));
            string answer = await RunningServer.ReadAll(socket);
            Assert.That(answer, Does.Match("^HTTP/1.1 (404|400|405) ").And.Not.Contain("secret")
                .And.Not.Contain("root:"));
        }
    }

    [Test]
    public async Task A_file_that_is_too_long_leaves_nothing_behind()
    {
        using var folder = new ScratchFolder();
        await using RunningServer server = await RunningServer.Start(
            new ServerOptions { DataFolder = folder.Path, MaxFileBytes = 1000, MaxKeyBytes = 1500 }, null);
        await RunningServer.Json(await Upload(server, new byte[1000]));
        await RunningServer.Error(await Upload(server, new byte[1001]), 413);
        JsonNode full = await RunningServer.Error(await Upload(server, new byte[501]), 413);
        Assert.That((string)full["code"]!, Is.EqualTo("storage_full"));
        await RunningServer.Json(await Upload(server, new byte[500]));
        Assert.That(Directory.GetDirectories(folder.At("files")), Has.Length.EqualTo(2));
    }

    [TestCase("multipart/form-data", "", 415), TestCase("application/json", "{}", 415),
        TestCase("multipart/form-data; boundary=x", "", 400),
        TestCase("multipart/form-data; boundary=x", "--x\r\n\r\nabc", 400),
        TestCase("multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"file\"; "
            + "filename=\"f\"\r\n\r\nabc\r\n--x--\r\n", 400),
        TestCase("multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"purpose\""
            + "\r\n\r\nbatch\r\n--x--\r\n", 400),
        TestCase("multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"other\""
            + "\r\n\r\nbatch\r\n--x--\r\n", 400)]
    public async Task A_form_that_is_wrong_is_refused(string type, string body, int status)
    {
        using var folder = new ScratchFolder();
        await using RunningServer server = await Start(folder);
        var content = new ByteArrayContent(Encoding.ASCII.GetBytes(body));
        content.Headers.TryAddWithoutValidation("Content-Type", type);
        await RunningServer.Error(await server.Send(HttpMethod.Post, "/v1/files", content), status);
        Assert.That(Directory.GetDirectories(folder.At("files")), Is.Empty);
    }

    [Test]
    public async Task Files_are_there_after_a_restart_and_halves_are_not()
    {
        using var folder = new ScratchFolder();
        string id;
        await using (RunningServer server = await Start(folder))
            id = (string)(await RunningServer.Json(await Upload(server, "abc"u8.ToArray())))["id"]!;
        string half = folder.At("files", "file-" + new string('1', 32) + ".tmp");
        Directory.CreateDirectory(half);
        await using RunningServer again = await Start(folder);
        using HttpResponseMessage read = await again.Get($"/v1/files/{id}/content");
        Assert.That(await read.Content.ReadAsStringAsync(), Is.EqualTo("abc"));
        Assert.That(Directory.Exists(half), Is.False);
    }

    [Test]
    public async Task A_list_comes_in_pages()
    {
        using var folder = new ScratchFolder();
        await using RunningServer server = await Start(folder);
        for (int i = 0; i < 5; i++)
            await RunningServer.Json(await Upload(server, [(byte)i]));
        var seen = new List<string>();
        for (string? after = null; ;)
        {
            JsonNode page = await RunningServer.Json(
                await server.Get("/v1/files?limit=2" + (after is null ? "" : $"&after={after}")));
            seen.AddRange(page["data"]!.AsArray().Select(f => (string)f!["id"]!));
            if (!(bool)page["has_more"]!)
                break;
            after = (string)page["last_id"]!;
        }
        Assert.That(seen, Has.Count.EqualTo(5).And.Unique);
        await RunningServer.Error(await server.Get("/v1/files?limit=0"), 400);
        await RunningServer.Error(await server.Get("/v1/files?after=file-x"), 400);
    }

    internal static async Task<string> IdOf(RunningServer server, byte[] content)
        => (string)(await RunningServer.Json(await Upload(server, content)))["id"]!;

    internal static Task<HttpResponseMessage> Upload(
        RunningServer server, byte[] content, string name = "in.jsonl", string? key = null)
    {
        var file = new ByteArrayContent(content);
        file.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
        var form = new MultipartFormDataContent
        {
            { new StringContent("batch"), "purpose" }, { file, "file", name },
        };
        return server.Send(HttpMethod.Post, "/v1/files", form, key);
    }

    static Task<RunningServer> Start(ScratchFolder folder)
        => RunningServer.Start(new ServerOptions { DataFolder = folder.Path }, null);
}
