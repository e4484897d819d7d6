using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>Gradients of the parameters that are trained; frozen ones have none and cost nothing.</summary>
public sealed class ParameterGradients : IDisposable
{
    readonly TensorArena? _own;

    /// <summary>Zeroed gradients with memory of their own.</summary>
    /// <param name="model">The model whose parameters they are of.</param>
    /// <param name="trained">Names of the parameters that get gradients; null for all.</param>
    /// <exception cref="UserException">They do not fit the device.</exception>
    public static ParameterGradients Create(LanguageModel model, IReadOnlySet<string>? trained = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        var arena = new TensorArena(model.Device, TensorArena.Measure(model.Device,
            a => _ = new ParameterGradients(a, model.Parameters, trained)), "gradients");
        try
        {
            var gradients = new ParameterGradients(arena, arena, model.Parameters, trained);
            gradients.Clear(model.Ops);
            return gradients;
        }
        catch
        {
            arena.Dispose();
            throw;
        }
    }

    /// <summary>Cuts gradients from memory that holds other things too, for the parameters in
    /// <paramref name="trained"/> or for all.</summary>
    public ParameterGradients(TensorArena arena, ParameterLayout parameters,
        IReadOnlySet<string>? trained = null)
        : this(arena, null, parameters, trained) { }

    ParameterGradients(
        TensorArena arena, TensorArena? own, ParameterLayout parameters, IReadOnlySet<string>? trained)
    {
        _own = own;
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

    /// <summary>Gives back memory of their own; an arena that they were cut from stays its owner's.</summary>
    public void Dispose() => _own?.Dispose();
}
