using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Inject;

/// <summary>Positions that receive a memory, by name.</summary>
public enum MemoryPositions
{
    /// <summary>Every position, a BOS included: the paper's.</summary>
    All,

    /// <summary>The last position of the prompt.</summary>
    Last,

    /// <summary>
    /// Where the multi-hop prompt spells the entity; such a cell is empty where it does not.
    /// </summary>
    Entity,
}

/// <summary>One way to inject.</summary>
/// <param name="Encoder">How the memory becomes a vector.</param>
/// <param name="Positions">Where in the prompt it is added.</param>
/// <param name="Layer">The block, from 0.</param>
/// <param name="Tau">The magnitude.</param>
public readonly record struct SweepCell(
    MemoryEncoder Encoder, MemoryPositions Positions, int Layer, float Tau);

/// <summary>The cells of a sweep: every combination of its lists (arXiv 2309.05605, section 5).</summary>
public sealed record SweepGrid
{
    /// <summary>Blocks, from 0.</summary>
    public required IReadOnlyList<int> Layers { get; init; }

    /// <summary>Magnitudes; the paper's are 1 to 15.</summary>
    public IReadOnlyList<float> Taus { get; init; } = [.. Enumerable.Range(1, 15).Select(t => (float)t)];

    /// <summary>How memories become vectors.</summary>
    public IReadOnlyList<MemoryEncoder> Encoders { get; init; } = [MemoryEncoder.Unembed];

    /// <summary>Where in the prompt they are added.</summary>
    public IReadOnlyList<MemoryPositions> Positions { get; init; } = [MemoryPositions.All];

    /// <summary>The site of a block that receives them; see <see cref="Memory.Target"/>.</summary>
    public SiteKind Target { get; init; } = SiteKind.AttnOut;

    /// <summary>The head, for <see cref="SiteKind.Result"/>.</summary>
    public int? Head { get; init; }

    /// <summary>Whether tau is in units of the stream: <see cref="Memory.RelativeToStream"/>.</summary>
    public bool RelativeToStream { get; init; }

    /// <summary>Most probable tokens to keep of each cell; the paper's files have 30.</summary>
    public int Top { get; init; }

    /// <summary>All cells: encoders, then positions, then layers, then magnitudes.</summary>
    public IReadOnlyList<SweepCell> Cells =>
    [
        .. from encoder in Encoders
           from positions in Positions
           from layer in Layers
           from tau in Taus
           select new SweepCell(encoder, positions, layer, tau),
    ];

    /// <summary>Whether the site comes when attention has written; one head's result and the stream into the
    /// block come before.</summary>
    internal bool BehindAttention => Target is not (SiteKind.Result or SiteKind.ResidPre);

    /// <summary>Where <see cref="Cells"/> has a combination of the lists' entries.</summary>
    public int IndexOf(int encoder, int positions, int layer, int tau)
        => ((encoder * Positions.Count + positions) * Layers.Count + layer) * Taus.Count + tau;

    /// <summary>Checks the grid against a model.</summary>
    /// <exception cref="UserException">It is empty, names something twice, or the model has no such
    /// layer, head or number of tokens.</exception>
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
                throw new UserException($"tau is {tau}; expected a finite number");
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
