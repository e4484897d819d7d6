namespace HeadTap.Merge;

/// <summary>What an alignment may do to the residual stream.</summary>
public enum StreamAlignment
{
    /// <summary>Nothing: only the insides of blocks are aligned.</summary>
    None,

    /// <summary>One permutation of its channels.</summary>
    Order,

    /// <summary>An orthogonal map that keeps the mean; of models whose LayerNorms are folded.</summary>
    Rotation,
}

/// <summary>How weights are matched.</summary>
public sealed record AlignmentOptions
{
    /// <summary>What happens to the residual stream.</summary>
    public StreamAlignment Stream { get; init; } = StreamAlignment.Order;

    /// <summary>Most rounds of the coordinate descent (Git Re-Basin's).</summary>
    public int MostRounds { get; init; } = 100;

    /// <summary>A round that gains no more than this share of the similarity is the last (Git
    /// Re-Basin's).</summary>
    public double LeastGain { get; init; } = 1e-12;
}
