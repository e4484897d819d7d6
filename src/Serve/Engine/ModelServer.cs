using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Serve;

/// <summary>A model that a server is to hold.</summary>
/// <param name="Name">What requests call it.</param>
/// <param name="Folder">Where it lies.</param>
public sealed record NamedFolder(string Name, string Folder)
{
    /// <summary>Lenses of the model, by name.</summary>
    public IReadOnlyList<(string Name, string Folder)> Lenses { get; init; } = [];
}

/// <summary>A running server with its models: the web host, and a thread for each model.</summary>
public sealed class ModelServer : IAsyncDisposable
{
    readonly HeadTapServer _server;
    readonly ModelWorkers _workers;
    readonly ServerMeters _meters;
    readonly CancellationTokenSource _stop = new();

    ModelServer(HeadTapServer server, ModelWorkers workers, ServerMeters meters, Task loading)
        => (_server, _workers, _meters, Loading) = (server, workers, meters, loading);

    /// <summary>The address it listens on.</summary>
    public Uri Address => _server.Address;

    /// <summary>Ends when all models are loaded; fails if one cannot be.</summary>
    public Task Loading { get; private set; }

    /// <summary>Checks the models' folders, listens, and begins to load.</summary>
    /// <param name="options">Address, limits, files.</param>
    /// <param name="models">The models.</param>
    /// <param name="sizes">What each model's thread makes room for.</param>
    /// <param name="context">Device and precision.</param>
    /// <param name="verbs">The verbs of jobs; null for none.</param>
    /// <exception cref="UserException">A folder holds no model, two have one name, or the address cannot be
    /// had.</exception>
    public static async Task<ModelServer> Start(ServerOptions options, IReadOnlyList<NamedFolder> models,
        WorkerOptions sizes, JobContext context, IJobVerbs? verbs = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(models);
        if (models.Count == 0)
            throw new UserException($"{Field.Of("Model")} is missing; expected a folder");
        if (models.GroupBy(m => m.Name).FirstOrDefault(g => g.Count() > 1) is { } twice)
            throw new UserException($"two models are named {Quoted.Name(twice.Key)}; expected NAME=DIR with "
                + "another name");
        foreach (NamedFolder model in models)
            ModelFolder.Check(model.Folder);
        string[] names = [.. models.Select(m => m.Name)];
        var workers = new ModelWorkers(names);
        var cards = new ServedModels(names);
        var meters = new ServerMeters();
        FileStore? files = options.DataFolder is { } data
            ? FileStore.Open(data, options.MaxFileBytes, options.MaxKeyBytes) : null;
        string Locate(Caller caller, string id) => files?.PathOf(caller, id)
            ?? throw new BadRequestException("this server keeps no files; give numbers in the request",
                "edits");
        IEndpoint[] endpoints =
        [
            new CompletionsEndpoint(workers, Locate), new EmbeddingsEndpoint(workers),
            new AccessEndpoint(workers, Locate, files), new SitesEndpoint(workers),
                new CapabilitiesEndpoint(workers),
        ];
        HeadTapServer server = await HeadTapServer.Start(
            options, endpoints, cards, meters, files, verbs).ConfigureAwait(false);
        var running = new ModelServer(server, workers, meters, Task.CompletedTask);
        running.Loading = Task.Run(() => running.Load(models, sizes, cards, context));
        return running;
    }

    /// <summary>Takes no more requests, lets those that run end, and frees the models.</summary>
    /// <param name="grace">How long requests may take.</param>
    public async Task Stop(TimeSpan grace)
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _server.Stop(grace).ConfigureAwait(false);
        await StopModels().ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _server.DisposeAsync().ConfigureAwait(false);
        await StopModels().ConfigureAwait(false);
        _workers.Dispose();
        _meters.Dispose();
        _stop.Dispose();
    }

    async Task StopModels()
    {
        await Loading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _workers.Stop(TimeSpan.Zero);
    }

    void Load(IReadOnlyList<NamedFolder> models, WorkerOptions sizes, ServedModels cards, JobContext context)
    {
        foreach (NamedFolder named in models)
        {
            _stop.Token.ThrowIfCancellationRequested();
            ResidentModel model = ResidentModel.Open(context, named.Folder, named.Name);
            try
            {
                foreach ((string name, string folder) in named.Lenses)
                    model.AddLens(name, folder);
                _workers.Add(new ModelWorker(model, sizes, new ModelMeter(_meters, model.Name)));
            }
            catch
            {
                model.Dispose();
                throw;
            }
            cards.Add(ModelFacts.Read(named.Name, named.Folder, context));
        }
    }
}
