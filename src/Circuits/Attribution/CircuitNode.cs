namespace HeadTap.Circuits;

/// <summary>What writes into the residual stream or reads it.</summary>
public enum NodeKind
{
    /// <summary>The token embedding; it writes only.</summary>
    Input,

    /// <summary>An attention head; it reads three times: for its queries, keys and values.</summary>
    Head,

    /// <summary>A feed-forward block.</summary>
    Mlp,

    /// <summary>Final LayerNorm and unembedding; they read only.</summary>
    Logits,
}

/// <summary>A node of the graph of a model.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Layer">Block, from 0; 0 outside the blocks.</param>
/// <param name="Head">Head, from 0; 0 where there is none.</param>
public readonly record struct CircuitNode(NodeKind Kind, int Layer = 0, int Head = 0)
{
    /// <summary>The name in outputs, as Hanna et al. (arXiv 2403.17806) write it: <c>a5.h1</c>, <c>m3</c>,
    /// <c>input</c>, <c>logits</c>.</summary>
    public string Name => Kind switch
    {
        NodeKind.Input => "input",
        NodeKind.Head => $"a{Layer}.h{Head}",
        NodeKind.Mlp => $"m{Layer}",
        _ => "logits",
    };

    /// <inheritdoc/>
    public override string ToString() => Name;
}

/// <summary>What a node reads the stream for.</summary>
public enum ReaderInput
{
    /// <summary>All that it does; of a node that is no head.</summary>
    Whole,

    /// <summary>A head's queries.</summary>
    Q,

    /// <summary>A head's keys.</summary>
    K,

    /// <summary>A head's values.</summary>
    V,
}

/// <summary>The end of an edge: a node and what it reads the stream for.</summary>
/// <param name="Node">The node.</param>
/// <param name="Input">What for.</param>
public readonly record struct EdgeReader(CircuitNode Node, ReaderInput Input)
{
    /// <summary>The name in outputs: <c>a5.h1&lt;q&gt;</c>, <c>m3</c>.</summary>
    public string Name => Node.Name + Input switch
    {
        ReaderInput.Q => "<q>",
        ReaderInput.K => "<k>",
        ReaderInput.V => "<v>",
        _ => "",
    };

    /// <inheritdoc/>
    public override string ToString() => Name;
}
