namespace HeadTap.Circuits;

/// <summary>What is measured of the logits after a prompt.</summary>
public enum MetricKind
{
    /// <summary><c>logits[answer] - logits[wrong]</c>, nats; higher is better.</summary>
    LogitDifference,

    /// <summary><c>ln softmax(logits)[answer]</c>, nats; higher is better.</summary>
    LogProbability,

    /// <summary>
    /// <c>KL(p_clean || p) = sum_v p_clean[v] (ln p_clean[v] - ln p[v])</c>, nats, against the logits of the
    /// clean run; 0 is best.
    /// </summary>
    Divergence,

    /// <summary>Rank of the answer among all tokens, 1 for the most probable; ties go to the lower id. It has
    /// no gradient.</summary>
    Rank,
}
