namespace HeadTap.Circuits;

/// <summary>A part of a model's graph: edges on paths from the embeddings to the logits.</summary>
public sealed class EdgeCircuit
{
    readonly Dictionary<int, int[]> _into;

    /// <summary>A circuit of given edges; those on no path from the embeddings to the logits are left
    /// out.</summary>
    /// <param name="graph">The graph of the model.</param>
    /// <param name="edges">Indices of its edges.</param>
    public EdgeCircuit(CircuitGraph graph, IEnumerable<int> edges)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(edges);
        Graph = graph;
        Edges = OnPaths(graph, [.. edges.Distinct().Order()]);
        _into = Edges.Select(graph.EndsOf).GroupBy(ends => ends.Reader)
            .ToDictionary(g => g.Key, g => g.Select(ends => ends.Writer).ToArray());
    }

    /// <summary>The graph of the model.</summary>
    public CircuitGraph Graph { get; }

    /// <summary>Indices of the edges, ascending.</summary>
    public IReadOnlyList<int> Edges { get; }

    /// <summary>Writers whose edges into a reader are kept, ascending.</summary>
    public IReadOnlyList<int> Into(int reader) => _into.GetValueOrDefault(reader, []);

    /// <summary>Nodes with a kept edge, in the order of the forward pass.</summary>
    public IReadOnlyList<CircuitNode> Nodes
    {
        get
        {
            HashSet<CircuitNode> ends = [.. Edges.Select(Graph.EndsOf).SelectMany(e =>
                (CircuitNode[])[Graph.Writers[e.Writer], Graph.Readers[e.Reader].Node])];
            return [.. Graph.Writers.Append(new CircuitNode(NodeKind.Logits)).Where(ends.Contains)];
        }
    }

    /// <summary>The circuit of the edges with the largest effects of either sign; ties go to the lower
    /// index.</summary>
    /// <param name="graph">The graph of the model.</param>
    /// <param name="effects">[edges]</param>
    /// <param name="count">Most edges, before those on no path are left out.</param>
    public static EdgeCircuit Largest(CircuitGraph graph, double[] effects, int count)
    {
        ArgumentNullException.ThrowIfNull(effects);
        return new EdgeCircuit(graph,
            Enumerable.Range(0, effects.Length).OrderByDescending(e => Math.Abs(effects[e])).Take(count));
    }

    /// <summary>The circuit of the edges whose effect is at least a threshold in size.</summary>
    /// <param name="graph">The graph of the model.</param>
    /// <param name="effects">[edges]</param>
    /// <param name="threshold">Smallest size.</param>
    public static EdgeCircuit Above(CircuitGraph graph, double[] effects, double threshold)
    {
        ArgumentNullException.ThrowIfNull(effects);
        return new EdgeCircuit(graph,
            Enumerable.Range(0, effects.Length).Where(e => Math.Abs(effects[e]) >= threshold));
    }

    // Writers are in the order of the pass, and so are readers: one sweep up and one down are enough.
    static int[] OnPaths(CircuitGraph graph, int[] edges)
    {
        var fromInput = new HashSet<CircuitNode> { graph.Writers[0] };
        foreach ((int writer, int reader) in edges.Select(graph.EndsOf))
            if (fromInput.Contains(graph.Writers[writer]))
                fromInput.Add(graph.Readers[reader].Node);
        var toLogits = new HashSet<CircuitNode> { new(NodeKind.Logits) };
        foreach ((int writer, int reader) in edges.Reverse().Select(graph.EndsOf))
            if (toLogits.Contains(graph.Readers[reader].Node))
                toLogits.Add(graph.Writers[writer]);
        return [.. edges.Where(e => graph.EndsOf(e) is var (writer, reader)
            && fromInput.Contains(graph.Writers[writer]) && toLogits.Contains(graph.Readers[reader].Node))];
    }
}
