using System.Globalization;
using System.Net;
using HeadTap.Models;
using HeadTap.Runtime;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;

namespace HeadTap.Serve;

/// <summary>A running server. It listens once <see cref="Start"/> returns.</summary>
public sealed class HeadTapServer : IAsyncDisposable
{
    // After the grace requests are cancelled; this long they may take to hear it.
    static readonly TimeSpan s_last = TimeSpan.FromSeconds(2);

    readonly WebApplication _app;
    readonly CancellationTokenSource _ended = new();
    readonly List<IAsyncDisposable> _workers = [];
    readonly AuditLog _audit;
    readonly ServerMeters? _ownMeters;
    readonly Action<string> _log;
    RequestHandler? _handler;
    volatile bool _stopping;
    int _stopped;

    HeadTapServer(WebApplication app, AuditLog audit, ServerMeters? ownMeters, Action<string> log)
        => (_app, _audit, _ownMeters, _log, Address) = (app, audit, ownMeters, log,
            new Uri("http://127.0.0.1"));

    /// <summary>The address it listens on, such as <c>http://127.0.0.1:8080</c>.</summary>
    public Uri Address { get; private set; }

    /// <summary>Starts a server.</summary>
    /// <param name="options">Address, limits, files.</param>
    /// <param name="endpoints">Addresses beside the host's own.</param>
    /// <param name="models">The models; may be empty of loaded ones yet.</param>
    /// <param name="meters">The counters; null for new ones.</param>
    /// <param name="files">The store of files; null for one in the options' folder, if they name
    /// one.</param>
    /// <param name="verbs">The verbs of jobs; null for a server without jobs.</param>
    /// <exception cref="UserException">The address cannot be had, or an option is wrong.</exception>
    public static async Task<HeadTapServer> Start(ServerOptions options, IReadOnlyList<IEndpoint> endpoints,
        ServedModels models, ServerMeters? meters = null, FileStore? files = null, IJobVerbs? verbs = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        RequireKeys(options);
        Action<string> log = options.Log ?? (_ => { });
        KeyRing? keys = options.KeysFile is { } path ? new KeyRing(path, TimeProvider.System, log) : null;
        ServerMeters? own = meters is null ? new ServerMeters() : null;
        meters ??= own!;
        var limit = new ConnectionLimit(options, meters);
        var audit = new AuditLog(options.AuditFile, options.LogPrompts, log);
        WebApplication app = Build(options, limit);
        var server = new HeadTapServer(app, audit, own, log);
        try
        {
            var budgets = new KeyBudgets(options, TimeProvider.System);
            List<Route> routes =
            [
                .. new HostRoutes(models, meters, () => server._stopping).All(),
                .. ExplorerRoutes.All(),
                .. new TokenRoutes(models).All(),
                .. endpoints.Select(e => RouteOf(e, budgets)),
                .. server.DataRoutes(options, endpoints, models, files, keys, verbs),
            ];
            var handler = new RequestHandler(
                options, routes, keys, budgets, meters, audit, log, server._ended.Token);
            server._handler = handler;
            app.Run(handler.Handle);
            await server.Listen(options);
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Takes no more connections, lets running requests end and then stops. The log gets a line when
    /// that begins and one when it is done.</summary>
    /// <param name="grace">How long requests may take; those that take longer are cancelled.</param>
    public async Task Stop(TimeSpan grace)
    {
        _stopping = true;
        if (Interlocked.Exchange(ref _stopped, 1) != 0)
            return;
        int waited = _handler?.Running ?? 0;
        _log($"stopping: {Counted.Of(waited, "request")} {Counted.Verb(waited, "runs", "run")}"
            + (waited == 0 ? "" : string.Create(CultureInfo.InvariantCulture,
                $" and may take {grace.TotalSeconds:0.#} s to end")));
        await StopNow(grace);
        int cut = _handler?.Cut ?? 0;
        _log($"stopped: waited for {Counted.Of(waited, "request")}"
            + (cut == 0 ? "" : $", of which {cut} {Counted.Verb(cut, "was", "were")} cancelled"));
    }

    async Task StopNow(TimeSpan grace)
    {
        using var hard = new CancellationTokenSource(grace + s_last);
        await using (CancelLater(_ended, grace))
        {
            Task stopped = _app.StopAsync(hard.Token);
            // Jobs and batches go on at the next start, so they stop where they are.
            foreach (IAsyncDisposable worker in _workers)
                await worker.DisposeAsync();
            await stopped;
        }
        await _ended.CancelAsync();
    }

    /// <summary>Stops at once.</summary>
    public async ValueTask DisposeAsync()
    {
        _stopping = true;
        if (Interlocked.Exchange(ref _stopped, 1) == 0)
            await StopNow(TimeSpan.Zero);
        await _app.DisposeAsync();
        _audit.Dispose();
        _ownMeters?.Dispose();
        _ended.Dispose();
    }

    static Timer CancelLater(CancellationTokenSource source, TimeSpan after)
        => new(_ => source.Cancel(), null, after, Timeout.InfiniteTimeSpan);

    static void RequireKeys(ServerOptions options)
    {
        if (options.KeysFile is null && !IPAddress.IsLoopback(options.Listen.Address))
            throw new UserException($"the address {options.Listen} can be reached from other machines; "
                + $"{Field.Of("Keys")} is missing, which says who may ask");
    }

    static WebApplication Build(ServerOptions options, ConnectionLimit limit)
    {
        // Empty: no settings from files or from the environment of the process.
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddLogging();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            KestrelServerLimits limits = kestrel.Limits;
            limits.MaxRequestBodySize = options.MaxBodyBytes;
            limits.RequestHeadersTimeout = options.HeaderTimeout;
            limits.KeepAliveTimeout = options.IdleTimeout;
            limits.MinRequestBodyDataRate = new MinDataRate(options.MinBytesPerSecond, options.SlowGrace);
            limits.MinResponseDataRate = new MinDataRate(options.MinBytesPerSecond, options.SlowGrace);
            kestrel.Listen(options.Listen, listen =>
            {
                listen.Protocols = HttpProtocols.Http1;
                listen.Use(next => connection => limit.Handle(connection, next));
            });
        });
        return builder.Build();
    }

    IEnumerable<Route> DataRoutes(ServerOptions options, IReadOnlyList<IEndpoint> endpoints,
        ServedModels models, FileStore? files, KeyRing? keys, IJobVerbs? verbs)
    {
        if (options.DataFolder is not { } data)
            return [];
        Action<string> log = options.Log ?? (_ => { });
        files ??= FileStore.Open(data, options.MaxFileBytes, options.MaxKeyBytes);
        var runner = new BatchRunner(files, endpoints, options.MaxJsonDepth, options.BatchWidth, log);
        var batches = new BatchStore(data, files, runner, endpoints, name => keys is not null
            ? keys.ByName(name) : name == Caller.Anonymous.Name ? Caller.Anonymous : null, log);
        _workers.Add(batches);
        IEnumerable<Route> routes = new FileRoutes(files, options).All().Concat(batches.Routes());
        if (verbs is null || options.JobProgram.Count == 0)
            return routes;
        var jobs = new JobStore(options, models, files, verbs, log);
        _workers.Add(jobs);
        return routes.Concat(jobs.Routes());
    }

    static Route RouteOf(IEndpoint endpoint, KeyBudgets budgets) => new(endpoint.Method, endpoint.Path,
        endpoint.Right, endpoint.Method == "POST" ? RouteBody.Json : RouteBody.None,
        async call => await endpoint.Answer(call.ToRequest(tokens =>
        {
            call.AddTokens(tokens);
            budgets.Charge(call.Caller, tokens);
        })))
    {
        IsPublic = endpoint.IsPublic,
    };

    async Task Listen(ServerOptions options)
    {
        try
        {
            await _app.StartAsync();
        }
        catch (Exception e) when (e is IOException or System.Net.Sockets.SocketException)
        {
            throw new UserException($"{options.Listen}: cannot be listened on ({Quoted.Line(e.Message)}); "
                + "choose another address or port", e);
        }
        string address = _app.Services.GetRequiredService<IServer>().Features
            .Get<IServerAddressesFeature>()!.Addresses.First();
        Address = new Uri(address);
        if (options.ReadyFile is { } file)
            AtomicFile.WriteText(file, address + "\n");
    }
}
