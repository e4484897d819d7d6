using System.Diagnostics;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;

namespace HeadTap.Serve.Tests;

/// <summary>A headless Chromium with one page, spoken to by its debugging protocol.</summary>
sealed class Browser : IAsyncDisposable
{
    static readonly string[] s_names = ["chromium", "chromium-browser", "google-chrome"];

    readonly ScratchFolder _folder = new();
    readonly ClientWebSocket _socket = new();
    readonly List<JsonNode> _events = [];
    Process _process = null!;
    int _id;

    /// <summary>Where downloads go.</summary>
    public string Downloads => _folder.At("downloads");

    /// <summary>What the page's scripts failed with, and what its policy refused.</summary>
    public IEnumerable<string> Complaints => _events.Where(e => (string)e["method"]! switch
    {
        "Runtime.exceptionThrown" => true,
        "Log.entryAdded" => (string?)e["params"]!["entry"]!["source"] == "security",
        _ => false,
    }).Select(e => e.ToJsonString());

    /// <summary>Starts it; the test is skipped where there is none.</summary>
    public static async Task<Browser> Start()
    {
        string? program = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
            .SelectMany(folder => s_names.Select(name => Path.Combine(folder, name)))
            .FirstOrDefault(File.Exists);
        if (program is null)
            Assert.Ignore("no chromium on the path");
        var browser = new Browser();
        await browser.Open(program!);
        return browser;
    }

    async Task Open(string program)
    {
        Directory.CreateDirectory(Downloads);
        var start = new ProcessStartInfo(program)
        {
            RedirectStandardError = true, RedirectStandardOutput = true, ArgumentList =
            {
                "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-port=0",
                $"--user-data-dir={_folder.At("profile")}", "--window-size=1200,900", "about:blank",
            },
        };
        _process = Process.Start(start)!;
        _process.ErrorDataReceived += (_, _) => { };
        _process.BeginErrorReadLine();
        _process.BeginOutputReadLine();
        string file = _folder.At("profile", "DevToolsActivePort");
        await RunningServer.Until(
            () => File.Exists(file) && File.ReadAllLines(file).Length > 1, "Chromium", 60);
        string port = File.ReadAllLines(file)[0];
        using var http = new HttpClient();
        JsonArray pages = JsonNode.Parse(
            await http.GetStringAsync($"http://127.0.0.1:{port}/json/list"))!.AsArray();
        string address = (string)pages.First(p => (string?)p!["type"] == "page")!["webSocketDebuggerUrl"]!;
        await _socket.ConnectAsync(new Uri(address), CancellationToken.None);
        await Call("Runtime.enable");
        await Call("Log.enable");
        await Call("Page.enable");
        await Call("Page.setDownloadBehavior",
            new JsonObject { ["behavior"] = "allow", ["downloadPath"] = Downloads });
    }

    /// <summary>Calls a method of the protocol.</summary>
    public async Task<JsonNode> Call(string method, JsonObject? parameters = null)
    {
        int id = ++_id;
        string text = new JsonObject
        {
            ["id"] = id, ["method"] = method, ["params"] = parameters ?? [],
        }.ToJsonString();
        using var late = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        await _socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, true, late.Token);
        byte[] buffer = new byte[1 << 16];
        while (true)
        {
            using var message = new MemoryStream();
            WebSocketReceiveResult part;
            do
            {
                part = await _socket.ReceiveAsync(buffer, late.Token);
                message.Write(buffer, 0, part.Count);
            }
            while (!part.EndOfMessage);
            JsonNode json = JsonNode.Parse(message.ToArray())!;
            if (json["id"] is null)
                _events.Add(json);
            else if ((int)json["id"]! == id)
                return json["error"] is null ? json["result"]! : throw new InvalidOperationException(
                    $"{method}: {json["error"]!.ToJsonString()}");
        }
    }

    /// <summary>The value of a JavaScript expression.</summary>
    public async Task<JsonNode?> Value(string expression)
    {
        JsonNode result = await Call("Runtime.evaluate", new JsonObject
        {
            ["expression"] = expression, ["returnByValue"] = true, ["awaitPromise"] = true,
            ["userGesture"] = true,
        });
        Assert.That(result["exceptionDetails"]?.ToJsonString(), Is.Null, expression);
        return result["result"]!["value"]?.DeepClone();
    }

    public async Task<string> Text(string selector)
        => (string?)await Value($"document.querySelector({Quote(selector)})?.textContent") ?? "";

    /// <summary>Waits until an expression is true.</summary>
    public async Task Until(string expression)
    {
        long began = Stopwatch.GetTimestamp();
        while (!await Holds(expression))
        {
            if (Stopwatch.GetElapsedTime(began).TotalSeconds > 60)
                Assert.Fail($"waited in vain for {expression}; the page says: " + await Text(".alert")
                    + string.Join(' ', Complaints));
            await Task.Delay(30);
        }
    }

    // Between two pages there is nothing to ask.
    async Task<bool> Holds(string expression)
    {
        try
        {
            JsonNode result = await Call("Runtime.evaluate",
                new JsonObject { ["expression"] = $"Boolean({expression})", ["returnByValue"] = true });
            return result["result"]!["value"]?.GetValueKind() == System.Text.Json.JsonValueKind.True;
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }

    /// <summary>Opens an address and waits until the explorer rests.</summary>
    public async Task Go(string address)
    {
        await Call("Page.navigate", new JsonObject { ["url"] = "about:blank" });
        await Call("Page.navigate", new JsonObject { ["url"] = address });
        await Until("location.href !== 'about:blank' && document.querySelector('.widget')");
        await Rest();
    }

    /// <summary>Waits until the explorer has all that it asked for.</summary>
    public Task Rest() => Until("document.querySelector('.widget').dataset.turn "
        + "&& document.querySelector('.busy').textContent === ''");

    /// <summary>Clicks with the mouse at a place of an element, from its left top corner.</summary>
    public async Task Click(string selector, double x = double.NaN, double y = double.NaN)
    {
        JsonNode box = (await Value($"(e => {{ e.scrollIntoView({{block:'center'}}); const r = "
            + "e.getBoundingClientRect(); return [r.x, r.y, r.width, r.height]; })"
            + $"(document.querySelector({Quote(selector)}))"))!;
        double left = (double)box[0]! + (double.IsNaN(x) ? (double)box[2]! / 2 : x);
        double top = (double)box[1]! + (double.IsNaN(y) ? (double)box[3]! / 2 : y);
        foreach (string type in new[] { "mousePressed", "mouseReleased" })
            await Call("Input.dispatchMouseEvent", new JsonObject
            {
                ["type"] = type, ["x"] = left, ["y"] = top, ["button"] = "left", ["clickCount"] = 1,
            });
        await Rest();
    }

    /// <summary>Presses keys, one after the other, as the keyboard names them.</summary>
    public async Task Press(params string[] keys)
    {
        foreach (string key in keys)
        {
            string? text = key == "Enter" ? "\r" : key.Length == 1 ? key : null;
            var press = new JsonObject { ["type"] = "keyDown", ["key"] = key };
            if (text is not null)
                press["text"] = text;
            if (key is "Enter" or "Tab")
                (press["code"], press["windowsVirtualKeyCode"]) = (key, key == "Tab" ? 9 : 13);
            await Call("Input.dispatchKeyEvent", press);
            await Call("Input.dispatchKeyEvent", new JsonObject { ["type"] = "keyUp", ["key"] = key });
        }
        await Rest();
    }

    /// <summary>Types a text over what the focused field has.</summary>
    public async Task Type(string text)
    {
        await Value("document.activeElement.select()");
        await Call("Input.insertText", new JsonObject { ["text"] = text });
    }

    /// <summary>A file that the page saves, once it is whole.</summary>
    public async Task<string> Saved(string name)
    {
        string path = Path.Combine(Downloads, name);
        await RunningServer.Until(() => File.Exists(path) && new FileInfo(path).Length > 0, name);
        return path;
    }

    static string Quote(string text) => JsonValue.Create(text).ToJsonString();

    public async ValueTask DisposeAsync()
    {
        _socket.Dispose();
        if (!_process.HasExited)
            _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        _process.Dispose();
        for (int tries = 0; ; tries++)
            try
            {
                _folder.Dispose();
                return;
            }
            catch (IOException) when (tries < 20)
            {
                await Task.Delay(100); // its helpers end a moment later
            }
    }
}
