namespace HeadTap.Circuits;

/// <summary>The first-order effects of all nodes and edges of one pair.</summary>
/// <param name="Nodes">[U]: effect of each writer, that of its clean output in the corrupted run.</param>
/// <param name="Edges">[edges of the graph]: effect of each edge.</param>
/// <param name="Clean">The metric after the clean prompt.</param>
/// <param name="Corrupt">The metric after the corrupted prompt.</param>
public sealed record PairAttribution(double[] Nodes, double[] Edges, double Clean, double Corrupt)
{
    /// <summary>[U][T]: effect of each writer's output at each position; a writer's sum to its effect in
    /// <see cref="Nodes"/>.</summary>
    public IReadOnlyList<double[]> NodesByPosition { get; init; } = [];

    /// <summary>[L][T]: effect of the stream into each block at each position, all that was written before
    /// together.</summary>
    public IReadOnlyList<double[]> StreamsByPosition { get; init; } = [];

    /// <summary>
    /// How far the effect of the embeddings is from the whole difference of the metric: 0 for integrated
    /// gradients without an error of integration (Sundararajan et al. 2017, arXiv 1703.01365, proposition 1).
    /// </summary>
    public double CompletenessError => Math.Abs(Nodes[0] - (Clean - Corrupt));
}
