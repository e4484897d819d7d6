namespace HeadTap.Jobs;

/// <summary>
/// Work that runs passes of its own between those of the texts: reads, gradients, embeddings. Only the
/// model's thread calls it.
/// </summary>
public abstract class PassWork
{
    /// <summary>What it costs beside other work, in tokens times layers.</summary>
    public abstract double TokenLayers { get; }

    /// <summary>Whether another one's rows may share its pass; rows do not change one another.</summary>
    /// <param name="others">Those that share it already.</param>
    public abstract bool Joins(IReadOnlyList<PassWork> others);

    /// <summary>Runs one pass for several that <see cref="Joins"/> put together.</summary>
    /// <param name="model">The model.</param>
    /// <param name="together">This one first. Those for which it fails are told so by
    /// <see cref="Fail"/>.</param>
    public abstract void Run(ResidentModel model, IReadOnlyList<PassWork> together);

    /// <summary>Says that it will have no result.</summary>
    public abstract void Fail(Exception reason);

    /// <summary>When it came.</summary>
    internal long Arrived { get; set; }
}

/// <summary>Pass work with one result.</summary>
abstract class PassWork<TResult> : PassWork
{
    readonly TaskCompletionSource<TResult> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Ends with the result.</summary>
    internal Task<TResult> Done => _done.Task;

    /// <inheritdoc/>
    public sealed override void Fail(Exception reason)
    {
        if (reason is OperationCanceledException)
            _done.TrySetCanceled();
        else
            _done.TrySetException(reason);
    }

    /// <summary>Gives the result.</summary>
    protected void Finish(TResult result) => _done.TrySetResult(result);
}
