namespace HeadTap.Jobs;

/// <summary>The texts of one request, some at a time; if one fails, the others end.</summary>
static class TextGroup
{
    // Texts of one request that are queued at once.
    const int TextsOfRequest = 64;

    internal static async Task<SequenceResult[]> Run(
        ModelWorker worker, IReadOnlyList<TextSequence> sequences, WorkTicket ticket)
    {
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(ticket.Cancel);
        using var room = new SemaphoreSlim(TextsOfRequest);
        WorkTicket own = ticket with { Cancel = ends.Token, Request = ticket.Request ?? new object() };
        Exception? reason = null;
        Task<SequenceResult>[] texts = [.. sequences.Select(One)];
        try
        {
            return await Task.WhenAll(texts).ConfigureAwait(false);
        }
        catch when (reason is not null)
        {
            // The first failure, and not the cancellations that it caused.
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(reason);
            throw;
        }

        async Task<SequenceResult> One(TextSequence sequence)
        {
            await room.WaitAsync(ends.Token).ConfigureAwait(false);
            try
            {
                return await worker.Generate(sequence, own).ConfigureAwait(false);
            }
            catch (Exception e)
            {
                Interlocked.CompareExchange(ref reason, e, null);
                await ends.CancelAsync().ConfigureAwait(false);
                throw;
            }
            finally
            {
                room.Release();
            }
        }
    }
}
