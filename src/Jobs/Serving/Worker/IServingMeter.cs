namespace HeadTap.Jobs;

/// <summary>Receives what a model's thread does; the calls come from that thread.</summary>
public interface IServingMeter
{
    /// <summary>How many texts and passes run, how many wait, and the share of the cache's rows in
    /// use.</summary>
    void State(int running, int waiting, double cacheUse);

    /// <summary>A pass was run over this many tokens.</summary>
    void Pass(int promptTokens, int continuingTokens);

    /// <summary>A prompt looked for its beginning: tokens asked for and found.</summary>
    void Prefix(int queries, int hits);

    /// <summary>Seconds from a request's arrival to its first token.</summary>
    void FirstToken(double seconds);

    /// <summary>Seconds between two tokens of a text.</summary>
    void NextToken(double seconds);

    /// <summary>A text ended.</summary>
    /// <param name="reason">stop, length, abort or error.</param>
    /// <param name="queued">Seconds in the queue.</param>
    /// <param name="prefill">Seconds of its prompt.</param>
    /// <param name="decode">Seconds of its new tokens.</param>
    /// <param name="promptTokens">Tokens of the prompt.</param>
    /// <param name="newTokens">Tokens added.</param>
    void Finished(string reason, double queued, double prefill, double decode, int promptTokens,
        int newTokens);
}

/// <summary>A meter that nobody reads.</summary>
public sealed class NoMeter : IServingMeter
{
    /// <inheritdoc/>
    public void State(int running, int waiting, double cacheUse) { }

    /// <inheritdoc/>
    public void Pass(int promptTokens, int continuingTokens) { }

    /// <inheritdoc/>
    public void Prefix(int queries, int hits) { }

    /// <inheritdoc/>
    public void FirstToken(double seconds) { }

    /// <inheritdoc/>
    public void NextToken(double seconds) { }

    /// <inheritdoc/>
    public void Finished(string reason, double queued, double prefill, double decode, int promptTokens,
        int newTokens)
    { }
}
