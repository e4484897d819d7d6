using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Whose work it is and how it may wait.</summary>
/// <param name="Tenant">Whose; the model's time is shared fairly between tenants.</param>
/// <param name="Priority">Work of a lower number comes first; 0 is usual.</param>
/// <param name="Cancel">Ends the work within one step.</param>
public sealed record WorkTicket(string Tenant, int Priority = 0, CancellationToken Cancel = default)
{
    /// <summary>When work that has not begun is given up; null for never.</summary>
    public TimeSpan? QueueLimit { get; init; }

    /// <summary>The request that the work is a part of; null if it is all of one. Requests are what a queue
    /// has
    /// room for, not their parts.</summary>
    public object? Request { get; init; }

    /// <summary>A tenant's share of the model's time beside those of others.</summary>
    public double Weight { get; init; } = 1;
}

/// <summary>The queue of a model is full.</summary>
public sealed class QueueFullException(int waiting) : Exception(
    $"the queue is full: {Counted.Of(waiting, "request")} wait; try again later")
{
    /// <summary>Requests that wait.</summary>
    public int Waiting { get; } = waiting;
}

/// <summary>Work waited longer than it may.</summary>
public sealed class QueueLimitException(TimeSpan limit) : Exception(
    $"the request waited {limit.TotalSeconds:0.#} s, longer than its limit");

/// <summary>The server ends and takes no more work.</summary>
public sealed class ServerStopsException() : Exception("the server is shutting down");
