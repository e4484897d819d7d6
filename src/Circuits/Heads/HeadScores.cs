namespace HeadTap.Circuits;

/// <summary>
/// Where one head looks, as means over all windows of a text. A[q, k] is its attention from query q to key
/// k. A score that nothing in the text can give is NaN.
/// </summary>
/// <remarks>
/// Six are HeadVis' (Luger, Kamath et al. 2026): <see cref="SelfAttentionScore"/>,
/// <see cref="PrevTokenScore"/>, <see cref="PatternEntropy"/>, <see cref="QkDistance"/>,
/// <see cref="QkDistanceVariance"/> and <see cref="InductionScore"/>. The shares are those of
/// TransformerLens' head detector: the part of all attention that lies where a head of that kind would look.
/// </remarks>
public record HeadScores
{
    /// <summary>Layer, from 0.</summary>
    public required int Layer { get; init; }

    /// <summary>Head, from 0.</summary>
    public required int Head { get; init; }

    /// <summary>Mean of A[q, q] over all queries (HeadVis).</summary>
    public required double SelfAttentionScore { get; init; }

    /// <summary>Mean of A[q, q - 1] over the queries that have a token before them (HeadVis).</summary>
    public required double PrevTokenScore { get; init; }

    /// <summary>Mean over queries of - sum_k A[q, k] ln A[q, k], in nats (HeadVis).</summary>
    public required double PatternEntropy { get; init; }

    /// <summary>Mean over queries of sum_k A[q, k] (q - k), in tokens (HeadVis).</summary>
    public required double QkDistance { get; init; }

    /// <summary>Mean of sum_k A[q, k] (q - k)² minus the square of <see cref="QkDistance"/>
    /// (HeadVis).</summary>
    public required double QkDistanceVariance { get; init; }

    /// <summary>
    /// Mean of sum_j A[q, j + 1], over earlier places j of the token at q, over the queries that have one;
    /// attention below 0.01 counts as 0 (HeadVis).
    /// </summary>
    public required double InductionScore { get; init; }

    /// <summary>
    /// As <see cref="InductionScore"/> without the threshold: prefix matching (Olsson et al. 2022,
    /// arXiv 2209.11895).
    /// </summary>
    public required double PrefixMatchingScore { get; init; }

    /// <summary>Mean of sum_j A[q, j], over earlier places j of the token at q, over the queries that have
    /// one.</summary>
    public required double DuplicateTokenScore { get; init; }

    /// <summary>
    /// Mean of A[q, 0] over the queries after the first: attention to the place of the begin-of-text token.
    /// </summary>
    public required double BeginOfTextScore { get; init; }

    /// <summary>Share of all attention that lies on the token before the query (TransformerLens).</summary>
    public required double PreviousTokenShare { get; init; }

    /// <summary>Share of all attention that lies on earlier places of the query's token
    /// (TransformerLens).</summary>
    public required double DuplicateTokenShare { get; init; }

    /// <summary>Share of all attention that lies on tokens behind earlier places of the query's token
    /// (TransformerLens).</summary>
    public required double InductionShare { get; init; }

    /// <summary>Mean length of what the head writes to the stream, |z W_O|, over queries after the
    /// first.</summary>
    public required double ResultNorm { get; init; }
}

/// <summary>Numbers of queries that scores are means over.</summary>
/// <param name="Queries">All.</param>
/// <param name="Later">Those with a token before them.</param>
/// <param name="Repeated">Those whose token occurs before.</param>
readonly record struct HeadQueries(long Queries, long Later, long Repeated);
