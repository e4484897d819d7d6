using System.ComponentModel;
using System.Diagnostics;
using System.Text.Json.Nodes;

namespace HeadTap.Gpu;

/// <summary>PyTorch did not do what it was asked for.</summary>
sealed class PeerException(string message) : Exception(message);

/// <summary>
/// PyTorch in a process of its own (peer.py), asked and answering a line of JSON at a time: it waits while we
/// run, and we wait while it runs.
/// </summary>
sealed class TorchPeer : IDisposable
{
    readonly Process _process;

    TorchPeer(Process process, JsonNode hello)
    {
        _process = process;
        Version = (string)hello["torch"]!;
        LibraryFolders = [.. hello["library_folders"]!.AsArray().Select(f => (string)f!)];
    }

    /// <summary>PyTorch's version.</summary>
    public string Version { get; }

    /// <summary>Where its wheels keep cuBLAS.</summary>
    public IReadOnlyList<string> LibraryFolders { get; }

    /// <summary>Starts it, or says why not and returns null.</summary>
    internal static TorchPeer? Start(Options options)
    {
        if (options.Python.Length == 0)
            return null;
        string kind = options.Device.Split(':')[0];
        var start = new ProcessStartInfo(options.Python,
            [Path.Combine(AppContext.BaseDirectory, "peer.py"), kind == "cuda" ? options.Device : "cpu"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        try
        {
            Process process = Process.Start(start)!;
            if (process.StandardOutput.ReadLine() is { } line
                && JsonNode.Parse(line) is { } hello && hello["error"] is null)
                return new TorchPeer(process, hello);
            Console.WriteLine($"no PyTorch in {options.Python}: no peer");
        }
        catch (Win32Exception)
        {
            Console.WriteLine($"no {options.Python}: no peer");
        }
        return null;
    }

    /// <summary>A side for <see cref="Turns"/>.</summary>
    /// <param name="work">What peer.py calls it.</param>
    /// <param name="how">Its arguments.</param>
    internal Turns.Block Block(string work, JsonObject how) => runs =>
    {
        JsonObject request = how.DeepClone().AsObject();
        (request["do"], request["work"], request["runs"]) = ("time", work, runs);
        return (double)Ask(request)["ms"]!;
    };

    /// <exception cref="PeerException">It answered with an error, or has ended.</exception>
    internal JsonNode Ask(JsonObject request)
    {
        try
        {
            _process.StandardInput.WriteLine(request.ToJsonString());
            _process.StandardInput.Flush();
        }
        catch (IOException)
        {
            throw new PeerException("PyTorch's process has ended");
        }
        string line = _process.StandardOutput.ReadLine()
            ?? throw new PeerException("PyTorch's process has ended");
        JsonNode answer = JsonNode.Parse(line)!;
        return answer["error"] is { } error ? throw new PeerException((string)error!) : answer;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _process.StandardInput.Close(); // the end of its input ends it
        _process.WaitForExit(TimeSpan.FromSeconds(20));
        _process.Dispose();
    }
}
