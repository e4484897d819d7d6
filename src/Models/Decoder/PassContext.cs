using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// The state of the pass in progress, whether it runs whole rows or one token over the cache: the batch's
/// shape, the model's edits made ready for it, memory for this pass alone, and the recorders of sites.
/// </summary>
sealed class PassContext(LanguageModel model, IEnumerable<Site> record, IEnumerable<Site> recordGradients)
    : IDisposable
{
    /// <summary>Memory that is given back when the next pass begins.</summary>
    internal PassMemory Memory { get; } = new(model.Device);

    /// <summary>
    /// Whether fused attention may edit z as it stores it. False where a backward pass needs z from before
    /// the
    /// edits.
    /// </summary>
    internal bool StoresEdited { get; init; }

    /// <summary>The extents of the pass.</summary>
    internal BatchShape Batch { get; private set; }

    /// <summary>Records and edits sites of the pass.</summary>
    internal SiteRecorder Sites { get; } = new(model, record, nameof(SessionOptions.Record));

    /// <summary>Records gradients at sites.</summary>
    internal SiteRecorder GradientSites { get; }
        = new(model, recordGradients, nameof(SessionOptions.RecordGradients));

    /// <summary>The edits of the pass; null when none applies.</summary>
    internal CompiledEdits? Program { get; private set; }

    /// <summary>Forgets the pass before and makes the model's edits ready for a batch.</summary>
    /// <exception cref="UserException">An edit does not fit the batch; then no edit is in force.</exception>
    internal void Begin(in BatchShape batch)
    {
        Program?.Dispose();
        Program = null;
        Memory.Clear();
        Batch = batch;
        Program = CompiledEdits.For(model, batch, StoresEdited);
        Sites.Begin(batch, Program);
        BeginBackward();
    }

    /// <summary>Forgets the gradients that a backward pass recorded.</summary>
    internal void BeginBackward() => GradientSites.Begin(Batch, null);

    /// <summary>The backward pass is at a site: records dL/d(values after edits), and makes dL/d(values
    /// before)
    /// of it.</summary>
    internal void AtGradient(SiteKind kind, int layer, Tensor dX)
        => GradientSites.AtGradient(kind, layer, dX, Program);

    /// <inheritdoc/>
    public void Dispose()
    {
        Program?.Dispose();
        Memory.Dispose();
    }
}
