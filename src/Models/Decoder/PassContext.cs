using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// What each pass over a batch needs anew, whether it runs whole rows or one token over the cache: the
/// attached edits made ready for the batch, memory for what only this pass needs, and the recorder of sites.
/// </summary>
sealed class PassContext(LanguageModel model, IEnumerable<Site> record) : IDisposable
{
    /// <summary>Memory that is given back when the next pass begins.</summary>
    internal PassMemory Memory { get; } = new(model.Device);

    /// <summary>
    /// Whether fused attention may edit z as it stores it: nobody needs it from before, as a backward pass
    /// does.
    /// </summary>
    internal bool StoresEdited { get; init; }

    /// <summary>Records and edits sites of the pass.</summary>
    internal SiteRecorder Sites { get; } = new(model, record);

    /// <summary>The edits of the pass; null when none applies.</summary>
    internal CompiledEdits? Program { get; private set; }

    /// <summary>Forgets the pass before and makes the model's edits ready for a batch.</summary>
    /// <exception cref="UserException">An edit does not fit the batch; then no edit is in force.</exception>
    internal void Begin(in BatchShape batch)
    {
        Program?.Dispose();
        Program = null;
        Memory.Clear();
        Program = CompiledEdits.For(model, batch, StoresEdited);
        Sites.Begin(batch, Program);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Program?.Dispose();
        Memory.Dispose();
    }
}
