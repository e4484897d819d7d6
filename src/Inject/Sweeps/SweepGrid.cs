using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Inject;

/// <summary>Named positions of a prompt that receive a memory.</summary>
public enum MemoryPositions
{
    /// <summary>Every position, including BOS, as in the paper.</summary>
    All,

    /// <summary>The last position of the prompt.</summary>
    Last,

    /// <summary>
    /// Positions where the multi-hop prompt describes the entity; if there are none, the cell has no result.
    /// </summary>
    Entity,
}

/// <summary>One cell of a sweep: encoder, positions, layer and magnitude.</summary>
/// <param name="Encoder">Encoder that makes a vector from the memory.</param>
/// <param name="Positions">Positions that receive the vector.</param>
/// <param name="Layer">Layer that receives the vector, from 0.</param>
/// <param name="Tau">Magnitude of the vector.</param>
public readonly record struct SweepCell(
    MemoryEncoder Encoder, MemoryPositions Positions, int Layer, float Tau);

/// <summary>The cells of a sweep: every combination of its lists (arXiv 2309.05605, section 5).</summary>
public sealed record SweepGrid
{
    /// <summary>Layers, from 0.</summary>
    public required IReadOnlyList<int> Layers { get; init; }

    /// <summary>Magnitudes; the paper uses 1 to 15.</summary>
    public IReadOnlyList<float> Taus { get; init; } = [.. Enumerable.Range(1, 15).Select(t => (float)t)];

    /// <summary>Encoders that make vectors from memories.</summary>
    public IReadOnlyList<MemoryEncoder> Encoders { get; init; } = [MemoryEncoder.Unembed];

    /// <summary>Folder of the lens of <see cref="MemoryEncoder.Jacobian"/>; null without it.</summary>
    public string? Lens { get; init; }

    /// <summary>Positions that receive the vectors.</summary>
    public IReadOnlyList<MemoryPositions> Positions { get; init; } = [MemoryPositions.All];

    /// <summary>Site of the layer that receives the vectors; see <see cref="Memory.Target"/>.</summary>
    public SiteKind Target { get; init; } = SiteKind.AttnOut;

    /// <summary>Head that receives the vectors, from 0; for <see cref="SiteKind.Result"/> only.</summary>
    public int? Head { get; init; }

    /// <summary>Whether tau is in units of the stream: <see cref="Memory.RelativeToStream"/>.</summary>
    public bool RelativeToStream { get; init; }

    /// <summary>Number of most probable tokens to keep per cell, 0 to V; the paper's files have 30.</summary>
    public int Top { get; init; }

    /// <summary>All cells, ordered by encoder, then positions, then layer, then magnitude.</summary>
    public IReadOnlyList<SweepCell> Cells =>
    [
        .. from encoder in Encoders
           from positions in Positions
           from layer in Layers
           from tau in Taus
           select new SweepCell(encoder, positions, layer, tau),
    ];

    /// <summary>
    /// Whether the site comes after the layer's attention; a head's result and the stream before the layer do
    /// not.
    /// </summary>
    internal bool BehindAttention => Target is not (SiteKind.Result or SiteKind.ResidPre);

    /// <summary>Returns the index in <see cref="Cells"/> of a combination of list indices.</summary>
    public int IndexOf(int encoder, int positions, int layer, int tau)
        => ((encoder * Positions.Count + positions) * Layers.Count + layer) * Taus.Count + tau;

    /// <summary>Checks that a model can run the grid.</summary>
    /// <exception cref="UserException">A list is empty or has an entry twice, or the model has no such layer,
    /// head or number of tokens.</exception>
    public void Validate(ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        RequireDistinct(Layers, "layer");
        RequireDistinct(Taus, "tau");
        RequireDistinct(Encoders, "encoder");
        RequireDistinct(Positions, "position");
        foreach (int layer in Layers)
            if (layer < 0 || layer >= config.Layers)
                throw new UserException(
                    $"layer {layer} does not exist; this model has layers 0 to {config.Layers - 1}");
        foreach (float tau in Taus)
            if (!float.IsFinite(tau))
                throw new UserException($"{Field.Of("tau")} is {tau}; expected a finite number");
        if (Encoders.Contains(MemoryEncoder.Layer) && config.BosToken is null)
            throw LayerEncoding.NeedsBos();
        if (Top < 0 || Top > config.VocabSize)
            throw new UserException($"{Top} top tokens; expected 0 to {config.VocabSize}");
        if (Head is not null && Target != SiteKind.Result)
            throw new UserException("a head belongs to the site result; leave it out");
        if (Head is < 0 || Head >= config.Heads)
            throw new UserException(
                $"head {Head} does not exist; this model has heads 0 to {config.Heads - 1}");
    }

    static void RequireDistinct<T>(IReadOnlyList<T> values, string name)
    {
        if (values.Count == 0)
            throw new UserException($"no {name}; expected at least one");
        if (values.Distinct().Count() != values.Count)
            throw new UserException($"a {name} stands twice: {string.Join(", ", values)}");
    }
}
