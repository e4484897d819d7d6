using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>Gradients of the parameters that are trained; frozen ones have none and cost nothing.</summary>
public sealed class ParameterGradients
{
    /// <summary>Cuts zeroed gradients for the parameters in <paramref name="trained"/>, or for all.</summary>
    public ParameterGradients(TensorArena arena, ParameterLayout parameters, IReadOnlySet<string>? trained = null)
    {
        Set = new FlatParameters(arena, parameters, "gradient of ", trained);
        Named = new NamedWeights<Tensor?>(parameters, Set.Find);
        LowestLayer = Named.TokenEmbedding is not null || Named.PositionEmbedding is not null
            ? -1
            : Enumerable.Range(0, parameters.Config.Layers)
                .FirstOrDefault(l => Named.Layers[l].All.Any(t => t is not null), parameters.Config.Layers);
    }

    /// <summary>The tensors by checkpoint name.</summary>
    public FlatParameters Set { get; }

    /// <summary>Floats the gradients of a set take.</summary>
    public static long Length(ParameterLayout parameters, IReadOnlySet<string>? trained) => parameters.Slices
        .Where(s => trained is null || trained.Contains(s.Name)).Sum(s => s.Length);

    /// <summary>
    /// The lowest block with a trained parameter; -1 when an embedding is trained, the number of blocks when
    /// none below the final LayerNorm is. Backward stops there.
    /// </summary>
    internal int LowestLayer { get; }

    internal NamedWeights<Tensor?> Named { get; }

    /// <summary>Zeroes them: the backward pass adds.</summary>
    public void Clear(Ops ops)
    {
        ArgumentNullException.ThrowIfNull(ops);
        foreach (Tensor block in Set.Blocks)
            ops.Fill(block, 0f);
    }
}
