using System.Security.Cryptography;
using System.Text;

namespace HeadTap.Models.Tests;

/// <summary>Pulls from a server that does everything wrong a server can do.</summary>
sealed class WeightsDownloadTests
{
    const string Weights = "model.safetensors";

    static readonly PublishedModel Model = new("tiny", "org/tiny", ModelConfig.Tiny);
    static readonly Dictionary<string, byte[]> Hub = MakeHub();

    static Dictionary<string, byte[]> MakeHub()
    {
        using var folder = new TemporaryFolder();
        float[] values = new float[new ParameterLayout(ModelConfig.Tiny).TotalLength];
        new SeededRandom(3).FillNormal(values, 0.02f);
        ModelFolder.Write(folder.Path, ModelConfig.Tiny, values);
        folder.Write("vocab.json", "{\"a\": 0}");
        folder.Write("merges.txt", "#version: 0.2\n");
        folder.Write("tokenizer.json", "{}");
        return folder.Files().ToDictionary(name => name, name => File.ReadAllBytes(folder[name]));
    }

    static string Sha256(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

#pragma warning disable CA5350 // git's own name for a file's content
    static string GitBlob(byte[] bytes) => Convert.ToHexStringLower(
        SHA1.HashData([.. Encoding.ASCII.GetBytes($"blob {bytes.Length}\0"), .. bytes]));
#pragma warning restore CA5350

    // As the hub does it: small files at once, with git's name; weights through a redirect that names their
    // SHA-256.
    static Reply AsHub(Request request, Func<byte[], Reply>? storage = null)
    {
        string file = request.Path.Split('/', '?')[^1];
        if (request.Path.StartsWith("/storage/", StringComparison.Ordinal))
            return storage?.Invoke(Hub[Weights]) ?? Reply.Ranged(Hub[Weights], request.From);
        if (request.Path != $"/org/tiny/resolve/main/{file}" || !Hub.TryGetValue(file, out byte[]? bytes))
            return new Reply(404, "Entry not found"u8.ToArray());
        return file != Weights
            ? new Reply(200, bytes).With("ETag", $"\"{GitBlob(bytes)}\"")
            : new Reply(302, "moved"u8.ToArray()).With("Location", "/storage/blob?signature=x%2Fy")
                .With("X-Linked-ETag", $"\"{Sha256(bytes)}\"").With("X-Linked-Size", $"{bytes.Length}");
    }

    static WeightsDownload Download(
        UnreliableServer server, Action<DownloadProgress>? progress = null, double stallSeconds = 60) => new()
    {
        Mirror = server.Address,
        BackOff = _ => TimeSpan.Zero,
        Stall = TimeSpan.FromSeconds(stallSeconds),
        Attempts = 3,
        Progress = progress,
    };

    static IReadOnlyList<DownloadedFile> Pull(UnreliableServer server, string dir) =>
        Download(server).PullAsync(Model, dir).GetAwaiter().GetResult();

    static void AssertWhole(TemporaryFolder folder)
    {
        Assert.That(folder.Files(), Is.EqualTo(Hub.Keys));
        foreach ((string name, byte[] bytes) in Hub)
            Assert.That(File.ReadAllBytes(folder[name]), Is.EqualTo(bytes), name);
    }

    [Test]
    public void A_model_arrives_whole_with_its_checksums()
    {
        using var folder = new TemporaryFolder();
        using var server = new UnreliableServer(request => AsHub(request));
        IReadOnlyList<DownloadedFile> files = Pull(server, folder["new/models"]);
        foreach (DownloadedFile file in files)
            Assert.That(file.Checksum,
                Is.EqualTo(file.Name == Weights ? Sha256(Hub[Weights]) : GitBlob(Hub[file.Name])));
        Assert.That(files.Sum(f => f.Bytes), Is.EqualTo(Hub.Values.Sum(b => b.Length)));
        Assert.That(Directory.GetFiles(folder["new/models"]), Has.Length.EqualTo(5));
        Assert.That(server.Requests.All(r => r.From is null));
    }

    [Test]
    public void A_cut_connection_is_resumed_where_it_stopped()
    {
        using var folder = new TemporaryFolder();
        int length = Hub[Weights].Length, piece = length / 10 + 1;
        using var server = new UnreliableServer(request =>
            AsHub(request, whole => Reply.Ranged(whole, request.From, cutAfter: piece)));
        Pull(server, folder.Path); // ten cuts, three attempts: every new byte starts the count again
        AssertWhole(folder);
        long[] from = [.. server.Requests.Where(r =>
            r.Path.StartsWith("/storage", StringComparison.Ordinal)).Select(r => r.From ?? 0)];
        Assert.That(from, Is.EqualTo(Enumerable.Range(0, 10).Select(i => (long)i * piece)));
    }

    [Test]
    public void A_second_run_continues_the_first()
    {
        using var folder = new TemporaryFolder();
        bool down = true;
        using var server = new UnreliableServer(request => AsHub(request, whole =>
            !down ? Reply.Ranged(whole, request.From) : request.From is null
                ? Reply.Ranged(whole, null, 1000) : new Reply(503, [])));
        BadInput.Refused(() => Pull(server, folder.Path), "503", "run it again", Weights);
        Assert.That(folder.Files(), Does.Contain(Weights + ".part").And.Not.Contain(Weights));
        down = false;
        Pull(server, folder.Path);
        AssertWhole(folder);
        Assert.That(server.Requests[^1].From, Is.EqualTo(1000));
    }

    [Test]
    public void A_server_without_ranges_is_asked_from_the_start_and_not_for_ever()
    {
        using var folder = new TemporaryFolder();
        int asked = 0;
        using var server = new UnreliableServer(request => AsHub(request,
            whole => new Reply(200, whole) { CutAfter = asked++ < 1 ? whole.Length / 2 : int.MaxValue }));
        Pull(server, folder.Path);
        AssertWhole(folder);

        File.Delete(folder[Weights]);
        using var never = new UnreliableServer(request => AsHub(request,
            whole => new Reply(200, whole) { CutAfter = whole.Length / 2 }));
        BadInput.Refused(() => Pull(never, folder.Path), "3 times");
    }

    [Test]
    public void A_cut_without_an_announced_length_is_noticed()
    {
        using var folder = new TemporaryFolder();
        int asked = 0;
        using var server = new UnreliableServer(request => AsHub(request, whole => asked++ == 0
            ? new Reply(200, whole) { Announced = null, CutAfter = 500 }
            : Reply.Ranged(whole, request.From)));
        Pull(server, folder.Path);
        AssertWhole(folder);
        Assert.That(server.Requests[^1].From, Is.EqualTo(500));
    }

    [TestCase(0)]
    [TestCase(100)]
    public void A_server_that_falls_silent_counts_as_cut(int sent)
    {
        using var folder = new TemporaryFolder();
        int asked = 0;
        using var server = new UnreliableServer(request => AsHub(request, whole => asked++ == 0
            ? new Reply(200, whole) { CutAfter = sent, Hang = true }
            : Reply.Ranged(whole, request.From)));
        Download(server, stallSeconds: 1).PullAsync(Model, folder.Path).GetAwaiter().GetResult();
        AssertWhole(folder);
    }

    static byte[] Flipped(byte[] bytes)
    {
        byte[] wrong = [.. bytes];
        wrong[^1] ^= 1;
        return wrong;
    }

    [Test]
    public void Wrong_bytes_are_fetched_once_more_and_then_refused(
        [Values("config.json", Weights)] string wrong)
    {
        using var folder = new TemporaryFolder();
        int left = 1;
        Reply Answer(Request request)
        {
            Reply reply = AsHub(request);
            bool hit = reply.Status == 200
                && (wrong == Weights) == request.Path.StartsWith("/storage", StringComparison.Ordinal);
            return hit && left-- > 0 ? Changed(reply) : reply;
        }

        using var server = new UnreliableServer(Answer);
        Pull(server, folder.Path);
        AssertWhole(folder);

        File.Delete(folder[wrong]);
        left = int.MaxValue;
        BadInput.Refused(() => Pull(server, folder.Path), "twice", wrong);
        Assert.That(folder.Files(), Is.EqualTo(Hub.Keys.Where(name => name != wrong)));
    }

    static Reply Changed(Reply reply)
    {
        var changed = new Reply(reply.Status, Flipped(reply.Body));
        foreach ((string name, string value) in reply.Headers)
            changed.With(name, value);
        return changed;
    }

    [Test]
    public void Too_many_bytes_are_refused()
    {
        using var folder = new TemporaryFolder();
        using var server = new UnreliableServer(request => AsHub(request,
            whole => new Reply(200, [.. whole, 0]) { Announced = null }));
        BadInput.Refused(() => Pull(server, folder.Path), "twice");
        Assert.That(folder.Files(), Does.Not.Contain(Weights).And.Not.Contain(Weights + ".part"));
    }

    [TestCase(10)]
    [TestCase(int.MaxValue)]
    [TestCase(-1)]
    public void The_part_of_another_version_is_not_used(int length)
    {
        using var folder = new TemporaryFolder();
        byte[] whole = Hub[Weights];
        folder.Write(Weights + ".part",
            new byte[length == int.MaxValue ? whole.Length + 5 : length == -1 ? whole.Length : length]);
        using var server = new UnreliableServer(request => AsHub(request));
        Pull(server, folder.Path);
        AssertWhole(folder);
    }

    [Test]
    public void A_complete_part_is_checked_and_used()
    {
        using var folder = new TemporaryFolder();
        folder.Write(Weights + ".part", Hub[Weights]);
        using var server = new UnreliableServer(request => AsHub(request));
        Pull(server, folder.Path);
        AssertWhole(folder);
        Assert.That(server.Requests[^1].From, Is.EqualTo(Hub[Weights].Length));
    }

    [Test]
    public void Files_that_are_right_are_kept_and_wrong_ones_replaced()
    {
        using var folder = new TemporaryFolder();
        using var server = new UnreliableServer(request => AsHub(request));
        Pull(server, folder.Path);
        DateTime written = File.GetLastWriteTimeUtc(folder[Weights]);
        Pull(server, folder.Path);
        Assert.That(File.GetLastWriteTimeUtc(folder[Weights]), Is.EqualTo(written));
        folder.Write(Weights, Flipped(Hub[Weights]));
        Pull(server, folder.Path);
        AssertWhole(folder);
    }

    [Test]
    public void A_plain_mirror_without_checksums_works_and_old_parts_are_not_trusted()
    {
        using var folder = new TemporaryFolder();
        folder.Write(Weights + ".part", new byte[10]);
        using var server = new UnreliableServer(request =>
            Hub.TryGetValue(request.Path.Split('/')[^1], out byte[]? bytes)
                ? Reply.Ranged(bytes, request.From) : new Reply(404, []));
        Assert.That(Pull(server, folder.Path).Select(f => f.Checksum), Is.All.Null);
        AssertWhole(folder);
    }

    [Test]
    public void A_missing_tokenizer_json_is_fine_and_a_missing_config_is_not()
    {
        using var folder = new TemporaryFolder();
        using var server = new UnreliableServer(request =>
            request.Path.EndsWith("tokenizer.json", StringComparison.Ordinal) ? new Reply(404, [])
                : AsHub(request));
        Pull(server, folder.Path);
        Assert.That(folder.Files(), Is.EqualTo(Hub.Keys.Where(name => name != "tokenizer.json")));

        using var empty = new TemporaryFolder();
        using var nothing = new UnreliableServer(_ => new Reply(404, []));
        BadInput.Refused(() => Pull(nothing, empty.Path), "config.json", "not found");
        Assert.That(empty.Files(), Is.Empty);
    }

    [TestCase(403)]
    [TestCase(401)]
    [TestCase(418)]
    public void A_refusal_is_not_repeated(int status)
    {
        using var folder = new TemporaryFolder();
        using var server = new UnreliableServer(_ => new Reply(status, []));
        BadInput.Refused(() => Pull(server, folder.Path), $"{status}");
        Assert.That(server.Requests, Has.Count.EqualTo(1));
        Assert.That(folder.Files(), Is.Empty);
    }

    [TestCase(429)]
    [TestCase(500)]
    [TestCase(503)]
    public void A_busy_server_is_asked_again(int status)
    {
        using var folder = new TemporaryFolder();
        int asked = 0;
        using var server =
            new UnreliableServer(request => asked++ % 3 == 0 ? new Reply(status, []) : AsHub(request));
        Pull(server, folder.Path);
        AssertWhole(folder);
    }

    [TestCase("/loop")]
    [TestCase("ftp://127.0.0.1/x")]
    [TestCase("file:///etc/passwd")]
    public void Redirects_that_lead_nowhere_are_refused(string location)
    {
        using var folder = new TemporaryFolder();
        using var server = new UnreliableServer(_ => new Reply(302, []).With("Location", location));
        BadInput.Refused(() => Pull(server, folder.Path), "redirect");
        Assert.That(server.Requests, Has.Count.LessThanOrEqualTo(3 * 11));
        Assert.That(folder.Files(), Is.Empty);
    }

    [Test]
    public void Garbage_or_no_server_at_all_is_refused()
    {
        using var folder = new TemporaryFolder();
        string address;
        using (var server = new UnreliableServer(_ => new Reply(99999, [])))
        {
            address = server.Address;
            BadInput.Refused(() => Pull(server, folder.Path), "3 times");
        }
        var closed = new WeightsDownload { Mirror = address, BackOff = _ => TimeSpan.Zero, Attempts = 2 };
        BadInput.Refused(() =>
            closed.PullAsync(Model, folder.Path).GetAwaiter().GetResult(), "2 times", "Mirror");
        foreach (string mirror in (string[])["", "huggingface.co", "ftp://x", "file:///tmp"])
            BadInput.Refused(() => new WeightsDownload { Mirror = mirror }.PullAsync(
                Model, folder.Path).GetAwaiter().GetResult(),
                "mirror");
        Assert.That(folder.Files(), Is.Empty);
    }

    [Test]
    public void Weights_that_do_not_fit_the_config_are_refused()
    {
        using var folder = new TemporaryFolder();
        byte[] other = Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(Hub["config.json"]).Replace(
            "\"n_layer\": 2", "\"n_layer\": 3"));
        using var server =
            new UnreliableServer(request => request.Path.EndsWith("config.json", StringComparison.Ordinal)
            ? new Reply(200, other) : AsHub(request));
        BadInput.Refused(() => Pull(server, folder.Path), "do not fit");
    }

    [Test]
    public void An_unwritable_place_is_refused_at_once()
    {
        using var folder = new TemporaryFolder();
        folder.Write("file", "");
        using var server = new UnreliableServer(request => AsHub(request));
        BadInput.Refused(() => Pull(server, folder["file/models"]), "cannot be written");
        Assert.That(server.Requests, Has.Count.EqualTo(1));
    }

    [Test]
    public void Stopping_keeps_what_has_arrived()
    {
        using var folder = new TemporaryFolder();
        using var stop = new CancellationTokenSource();
        using var server = new UnreliableServer(request => AsHub(request,
            whole => new Reply(200, whole) { CutAfter = 700, Hang = true }));
        WeightsDownload download = Download(server, progress =>
        {
            if (progress.File == Weights)
                stop.Cancel();
        });
        Assert.CatchAsync<OperationCanceledException>(() =>
            download.PullAsync(Model, folder.Path, stop.Token));
        Assert.That(File.ReadAllBytes(folder[Weights + ".part"]),
            Is.Not.Empty.And.EqualTo(Hub[Weights][..700]));
        Assert.That(folder.Files(), Does.Not.Contain(Weights));
    }

    [Test]
    public void Progress_ends_at_the_whole_and_never_goes_back()
    {
        using var folder = new TemporaryFolder();
        List<DownloadProgress> reports = [];
        using var server = new UnreliableServer(request => AsHub(request));
        Download(server, reports.Add).PullAsync(Model, folder.Path).GetAwaiter().GetResult();
        foreach (var file in reports.GroupBy(r => r.File))
        {
            Assert.That(file.Select(r => r.Bytes), Is.Ordered);
            Assert.That(file.Last().Bytes, Is.EqualTo(Hub[file.Key].Length));
            Assert.That(file.Last().Total, Is.EqualTo(Hub[file.Key].Length));
            Assert.That(file.Last().BytesPerSecond, Is.GreaterThan(0));
        }
        Assert.That(reports.Select(r => r.File).Distinct(), Is.EquivalentTo(Hub.Keys));
    }

    [Test]
    public void The_five_models_are_known_and_a_sixth_is_refused()
    {
        Assert.That(PublishedModel.Find("gpt2-xl").Config.Layers, Is.EqualTo(48));
        Assert.That(PublishedModel.All, Has.Count.EqualTo(5));
        BadInput.Refused(() => PublishedModel.Find("gpt3"), "gpt3", "gpt2-medium");
    }

    [Test]
    public void Waits_grow_and_end_at_half_a_minute() =>
        Assert.That(Enumerable.Range(1, 7).Select(n => new WeightsDownload().BackOff(n).TotalSeconds),
            Is.EqualTo(new[] { 1, 2, 4, 8, 16, 30, 30 }));
}
