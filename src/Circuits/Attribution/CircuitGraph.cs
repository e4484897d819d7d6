using HeadTap.Models;

namespace HeadTap.Circuits;

/// <summary>
/// All edges of a pre-LayerNorm decoder: from each node that writes into the residual stream to each later
/// one that reads it, queries, keys and values of a head apart (Elhage et al. 2021; Syed et al. 2023, arXiv
/// 2310.10348). Biases and the position embedding are the same in both runs of a pair, so they are no nodes.
/// </summary>
public sealed class CircuitGraph
{
    readonly int[] _first; // of each reader, the index of its first edge
    readonly int[] _before;
    readonly int _heads;

    /// <summary>The graph of a model of these sizes.</summary>
    public CircuitGraph(ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        _heads = config.Heads;
        var writers = new List<CircuitNode> { new(NodeKind.Input) };
        var readers = new List<EdgeReader>();
        var before = new List<int>();
        for (int l = 0; l < config.Layers; l++)
        {
            int stream = writers.Count; // all heads of a block read the same stream
            for (int h = 0; h < config.Heads; h++)
            {
                var head = new CircuitNode(NodeKind.Head, l, h);
                foreach (ReaderInput input in (ReaderInput[])[ReaderInput.Q, ReaderInput.K, ReaderInput.V])
                    Add(new(head, input), stream);
                writers.Add(head);
            }
            var mlp = new CircuitNode(NodeKind.Mlp, l);
            Add(new(mlp, ReaderInput.Whole), writers.Count);
            writers.Add(mlp);
        }
        Add(new(new(NodeKind.Logits), ReaderInput.Whole), writers.Count);
        (Writers, Readers, _before) = (writers, readers, [.. before]);
        _first = new int[readers.Count];
        for (int r = 1; r < _first.Length; r++)
            _first[r] = _first[r - 1] + _before[r - 1];
        Edges = _first[^1] + _before[^1];

        void Add(EdgeReader reader, int count)
        {
            readers.Add(reader);
            before.Add(count);
        }
    }

    /// <summary>[U]: nodes that write, in the order of the forward pass.</summary>
    public IReadOnlyList<CircuitNode> Writers { get; }

    /// <summary>[R]: inputs of nodes that read, in the order of the forward pass.</summary>
    public IReadOnlyList<EdgeReader> Readers { get; }

    /// <summary>Number of edges; 32,491 for GPT-2 small.</summary>
    public int Edges { get; }

    /// <summary>Number of writers before a reader: those from index 0 on.</summary>
    public int WritersBefore(int reader) => _before[reader];

    /// <summary>Index of an edge; the edges of a reader lie together, in the order of the writers.</summary>
    public int IndexOf(int writer, int reader)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)writer, (uint)_before[reader]);
        return _first[reader] + writer;
    }

    /// <summary>The two ends of an edge, as indices.</summary>
    public (int Writer, int Reader) EndsOf(int edge)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)edge, (uint)Edges);
        int at = Array.BinarySearch(_first, edge), reader = at >= 0 ? at : ~at - 1;
        return (edge - _first[reader], reader);
    }

    /// <summary>The name of an edge: <c>a0.h3-&gt;a2.h1&lt;k&gt;</c>.</summary>
    public string NameOf(int edge)
    {
        (int writer, int reader) = EndsOf(edge);
        return $"{Writers[writer].Name}->{Readers[reader].Name}";
    }

    /// <summary>Index of a head among the writers.</summary>
    public int HeadWriter(int layer, int head) => 1 + layer * (_heads + 1) + head;

    /// <summary>Index of a feed-forward block among the writers.</summary>
    public int MlpWriter(int layer) => 1 + layer * (_heads + 1) + _heads;

    /// <summary>Index of the queries, keys or values of a head among the readers.</summary>
    public int HeadReader(int layer, int head, ReaderInput input)
        => layer * (3 * _heads + 1) + 3 * head + (int)input - 1;

    /// <summary>Index of a feed-forward block among the readers.</summary>
    public int MlpReader(int layer) => layer * (3 * _heads + 1) + 3 * _heads;

    /// <summary>Index of the logits among the readers.</summary>
    public int LogitsReader => Readers.Count - 1;
}
