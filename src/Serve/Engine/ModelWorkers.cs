using System.Collections.Concurrent;
using HeadTap.Runtime;

namespace HeadTap.Serve;

/// <summary>The threads of the models of a server, each there once its model is loaded.</summary>
/// <param name="names">Names of the models.</param>
public sealed class ModelWorkers(IReadOnlyList<string> names) : IDisposable
{
    // A repetition finds room once some texts ended.
    static readonly TimeSpan s_retry = TimeSpan.FromSeconds(2);

    readonly ConcurrentDictionary<string, ModelWorker> _workers = new(StringComparer.Ordinal);

    /// <summary>How long work may wait before it is given up.</summary>
    public TimeSpan QueueLimit { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Adds the thread of a model that is loaded.</summary>
    public void Add(ModelWorker worker)
    {
        ArgumentNullException.ThrowIfNull(worker);
        _workers[worker.Model.Name] = worker;
    }

    /// <summary>The threads, in the order of the names.</summary>
    public IReadOnlyList<ModelWorker> Loaded
        => [.. names.Select(n => _workers.GetValueOrDefault(n)).OfType<ModelWorker>()];

    /// <summary>The thread of a model.</summary>
    /// <param name="name">The model's name; null is an error.</param>
    /// <exception cref="ApiError">404 if there is no such model, 503 while it loads.</exception>
    public ModelWorker Of(string? name)
    {
        if (name is null)
            throw ApiError.BadRequest("model is missing; expected the name of a model", "model");
        return _workers.TryGetValue(name, out ModelWorker? worker) ? worker
            : names.Contains(name) ? throw new ApiError(503, $"model {Quoted.Name(name)} is being loaded",
                param: "model", retryAfter: s_retry)
            : throw ApiError.NoSuchModel(name);
    }

    /// <summary>Whose work a request is, and where it stands in the queue.</summary>
    /// <param name="request">The request.</param>
    /// <param name="cancel">Ends the work.</param>
    /// <param name="priority">Added to what the key's tier gives; from 0 on.</param>
    public WorkTicket Ticket(EndpointRequest request, CancellationToken cancel, int priority = 0)
    {
        ArgumentNullException.ThrowIfNull(request);
        int tier = request.Caller.Tier switch { "high" => -1000, "batch" => 1000, _ => 0 };
        return new WorkTicket(request.Caller.Name, tier + priority, cancel) { QueueLimit = QueueLimit };
    }

    /// <summary>Runs the body of an endpoint; what the engine refuses becomes an error reply.</summary>
    /// <exception cref="ApiError">The request cannot be answered.</exception>
    public static async Task<T> Guard<T>(Func<Task<T>> body)
    {
        ArgumentNullException.ThrowIfNull(body);
        try
        {
            return await body().ConfigureAwait(false);
        }
        catch (Exception e) when (Refusal(e) is { } error)
        {
            throw error;
        }
    }

    /// <summary>The error reply of what the engine refused; null for other errors.</summary>
    public static ApiError? Refusal(Exception e) => e switch
    {
        BadRequestException bad => ApiError.BadRequest(bad.Message, bad.Param, bad.Code),
        QueueFullException full => ApiError.TooMany(full.Message, s_retry),
        QueueLimitException late => new ApiError(503, late.Message, code: "queue_timeout",
            retryAfter: s_retry),
        ServerStopsException stops => new ApiError(503, stops.Message, retryAfter: s_retry),
        _ => null,
    };

    /// <summary>Ends all threads.</summary>
    /// <param name="grace">How long what runs may take.</param>
    public void Stop(TimeSpan grace)
    {
        foreach (ModelWorker worker in _workers.Values)
            worker.Stop(grace);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (ModelWorker worker in _workers.Values)
        {
            worker.Dispose();
            worker.Model.Dispose();
        }
        _workers.Clear();
    }
}
