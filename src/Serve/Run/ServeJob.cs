using System.Net;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Serve;

/// <summary>Options of <see cref="ServeJob"/>.</summary>
public sealed record ServeOptions
{
    /// <summary>The models, each <c>NAME=DIR</c> or a folder that gives its own name.</summary>
    public required IReadOnlyList<string> Model { get; init; }

    /// <summary>Address, perhaps with a port.</summary>
    public string Listen { get; init; } = "127.0.0.1:8080";

    /// <summary>Port in place of the address's; 0 for any free one.</summary>
    public int? Port { get; init; }

    /// <summary>Lenses, each <c>NAME=DIR</c>, or <c>MODEL:NAME=DIR</c> where there are several
    /// models.</summary>
    public IReadOnlyList<string> Lens { get; init; } = [];

    /// <summary>What each model's thread makes room for.</summary>
    public WorkerOptions Sizes { get; init; } = new();

    /// <summary>All else.</summary>
    public ServerOptions Server { get; init; } = new();
}

/// <summary>Serves models over HTTP until it is cancelled.</summary>
public static class ServeJob
{
    const int UsualPort = 8080;

    /// <summary>Serves. Returns once it was cancelled and the running requests have ended.</summary>
    /// <param name="options">What is served and how.</param>
    /// <param name="context">Device, remarks, cancellation.</param>
    /// <param name="verbs">The verbs of jobs; null for none.</param>
    /// <param name="listening">Gets the address once the server listens.</param>
    /// <exception cref="UserException">An option is wrong, the address is taken, or a model cannot be
    /// read.</exception>
    public static async Task Run(
        ServeOptions options, JobContext context, IJobVerbs? verbs, Action<Uri> listening)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(listening);
        await using ModelServer server = await ModelServer.Start(options.Server with
        {
            Listen = AddressOf(options.Listen, options.Port), ReadyFile = null,
            Log = line => context.Remark?.Invoke(line),
        }, WithLenses([.. options.Model.Select(Split)], options.Lens), options.Sizes, context, verbs);
        listening(server.Address);
        Task cancelled = Cancelled(context.Cancel);
        // A server that is told to stop while it loads stops as any other.
        if (await Task.WhenAny(server.Loading, cancelled) == server.Loading)
        {
            await server.Loading;
            // The file says that requests are answered, not only that the port is open.
            if (options.Server.ReadyFile is { } ready)
                AtomicFile.WriteText(ready, server.Address.GetLeftPart(UriPartial.Authority) + "\n");
            await cancelled;
        }
        // Requests that still run are work that must not be lost.
        using UnfinishedWork.Part part = UnfinishedWork.Begin();
        await server.Stop(options.Server.Grace);
    }

    /// <summary>Gives each model its lenses.</summary>
    /// <exception cref="UserException">A lens has no name or no folder, or names no model.</exception>
    internal static IReadOnlyList<NamedFolder> WithLenses(
        IReadOnlyList<NamedFolder> models, IReadOnlyList<string> lenses)
    {
        var given = models.Select(m => m with { Lenses = [] }).ToList();
        foreach (string text in lenses)
        {
            int equals = text.IndexOf('=', StringComparison.Ordinal);
            string place = equals < 0 ? "" : text[..equals], folder = text[(equals + 1)..];
            int colon = place.LastIndexOf(':');
            string name = place[(colon + 1)..], model = colon < 0 ? "" : place[..colon];
            int at = colon >= 0 ? given.FindIndex(m => m.Name == model) : given.Count == 1 ? 0 : -1;
            if (name.Length == 0 || folder.Length == 0 || at < 0)
                throw new UserException($"{Field.Of(nameof(ServeOptions.Lens))} is {Quoted.Name(text)}; "
                    + "expected NAME=DIR for one model, or MODEL:NAME=DIR");
            given[at] = given[at] with { Lenses = [.. given[at].Lenses, (name, folder)] };
        }
        return given;
    }

    /// <summary>A model's name and folder: <c>NAME=DIR</c>, or a folder whose last part is the
    /// name.</summary>
    public static NamedFolder Split(string model)
    {
        ArgumentNullException.ThrowIfNull(model);
        if (string.IsNullOrWhiteSpace(model))
            return new NamedFolder(model, model); // refused as an empty path
        int at = model.IndexOf('=', StringComparison.Ordinal);
        if (at > 0 && model.AsSpan(0, at).IndexOfAny('/', '\\') < 0)
            return new NamedFolder(model[..at], model[(at + 1)..]);
        return new NamedFolder(
            Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(model))), model);
    }

    /// <summary>The address of <c>127.0.0.1</c>, <c>127.0.0.1:8080</c>, <c>[::1]:8080</c> or
    /// <c>localhost:8080</c>.</summary>
    /// <exception cref="UserException">It is none.</exception>
    internal static IPEndPoint AddressOf(string text, int? port)
    {
        if (port is < 0 or > 65535)
            throw new UserException($"{Field.Of("Port")} is {port}; expected 0 to 65535");
        bool local = text == "localhost" || text.StartsWith("localhost:", StringComparison.Ordinal);
        string numbers = local ? "127.0.0.1" + text["localhost".Length..] : text;
        // "8080" alone would be the address 0.0.31.144.
        if (numbers.IndexOfAny(['.', ':']) < 0 || !IPEndPoint.TryParse(numbers, out IPEndPoint? address))
            throw new UserException($"{Field.Of("Listen")} is {Quoted.Name(text)}; expected an address such "
                + "as 127.0.0.1:8080 or [::1]:8080");
        bool named = numbers.EndsWith($":{address.Port}", StringComparison.Ordinal)
            && (address.AddressFamily != System.Net.Sockets.AddressFamily.InterNetworkV6
                || numbers.Contains("]:", StringComparison.Ordinal));
        address.Port = port ?? (named ? address.Port : UsualPort);
        return address;
    }

    static async Task Cancelled(CancellationToken cancel)
    {
        var source = new TaskCompletionSource();
        await using CancellationTokenRegistration asked = cancel.Register(source.SetResult);
        await source.Task;
    }
}
