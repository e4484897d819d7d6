namespace HeadTap.Runtime;

/// <summary>Gradients of the parameters that are trained; frozen ones have none and cost nothing.</summary>
public sealed class Gpt2Gradients
{
    /// <summary>Cuts zeroed gradients for the parameters in <paramref name="trained"/>, or for all.</summary>
    public Gpt2Gradients(TensorArena arena, Gpt2Parameters parameters, IReadOnlySet<string>? trained = null)
    {
        Set = new ParameterSet(arena, parameters, "gradient of ", trained);
        Named = new NamedParameters<Tensor?>(parameters.Config, Set.Find);
        LowestLayer = Named.TokenEmbedding is not null || Named.PositionEmbedding is not null
            ? -1
            : Enumerable.Range(0, parameters.Config.Layers)
                .FirstOrDefault(l => Named.Layers[l].All.Any(t => t is not null), parameters.Config.Layers);
    }

    /// <summary>The tensors by checkpoint name.</summary>
    public ParameterSet Set { get; }

    /// <summary>Floats the gradients of a set take.</summary>
    public static long Length(Gpt2Parameters parameters, IReadOnlySet<string>? trained) => parameters.Slices
        .Where(s => trained is null || trained.Contains(s.Name)).Sum(s => s.Length);

    /// <summary>
    /// The lowest block with a trained parameter; -1 when an embedding is trained, the number of blocks when
    /// none below the final LayerNorm is. Backward stops there.
    /// </summary>
    internal int LowestLayer { get; }

    internal NamedParameters<Tensor?> Named { get; }

    /// <summary>Zeroes them: the backward pass adds.</summary>
    public void Clear(Ops ops)
    {
        ArgumentNullException.ThrowIfNull(ops);
        foreach (Tensor block in Set.Blocks)
            ops.Fill(block, 0f);
    }
}
