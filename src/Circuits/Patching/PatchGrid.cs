using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Circuits;

/// <summary>The cells that are patched, each in a run of its own.</summary>
public sealed record PatchGrid
{
    /// <summary>Site of each layer whose values are patched.</summary>
    public required SiteKind Kind { get; init; }

    /// <summary>What a cell is; one of <see cref="AxesOf"/>.</summary>
    public required PatchAxis Axis { get; init; }

    /// <summary>Layers, from 0.</summary>
    public required IReadOnlyList<int> Layers { get; init; }

    /// <summary>
    /// Positions in the run that is patched: each by itself where a cell has a position, else all together;
    /// negative numbers count from the end. Null for every position that both runs have.
    /// </summary>
    public IReadOnlyList<int>? Positions { get; init; }

    /// <summary>Neurons of each layer, from 0; for <see cref="PatchAxis.Neuron"/>, null for all.</summary>
    public IReadOnlyList<int>? Neurons { get; init; }

    /// <summary>Whether a cell has a position.</summary>
    public bool HasPositions => Axis is PatchAxis.Position or PatchAxis.HeadPosition;

    /// <summary>
    /// Whether the site comes after the layer's attention, so that its cells resume there.
    /// </summary>
    internal bool BehindAttention => Kind >= SiteKind.AttnOut;

    /// <summary>Sites that can be patched, in the order of a pass.</summary>
    public static IReadOnlyList<SiteKind> Kinds { get; } =
    [
        SiteKind.ResidPre, SiteKind.Q, SiteKind.K, SiteKind.V, SiteKind.Pattern, SiteKind.Z, SiteKind.Result,
        SiteKind.AttnOut, SiteKind.ResidMid, SiteKind.MlpPre, SiteKind.MlpPost, SiteKind.MlpOut,
        SiteKind.ResidPost,
    ];

    /// <summary>What a cell may be at a site; the first is the usual choice.</summary>
    public static IReadOnlyList<PatchAxis> AxesOf(SiteKind kind) => kind switch
    {
        SiteKind.Q or SiteKind.K or SiteKind.V or SiteKind.Pattern or SiteKind.Z or SiteKind.Result
            => [PatchAxis.Head, PatchAxis.HeadPosition, PatchAxis.Position, PatchAxis.Layer],
        SiteKind.MlpPre or SiteKind.MlpPost => [PatchAxis.Position, PatchAxis.Neuron, PatchAxis.Layer],
        _ => [PatchAxis.Position, PatchAxis.Layer],
    };

    /// <summary>Checks that a model can run the grid.</summary>
    /// <exception cref="UserException">A list is empty, or the site, axis, layer or neuron does not
    /// exist.</exception>
    public void Validate(ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        if (!Kinds.Contains(Kind))
            throw new UserException($"{new Site(Kind)} cannot be patched");
        if (!AxesOf(Kind).Contains(Axis))
            throw new UserException($"{SiteNames.Of(Kind)} has no cells by {Axis}; expected "
                + string.Join(" or ", AxesOf(Kind)));
        RequireDistinct(Layers, "layer", config.Layers);
        if (Neurons is not null && Axis != PatchAxis.Neuron)
            throw new UserException($"{Field.Of(nameof(Neurons))} without cells by neuron; leave it out");
        if (Neurons is not null)
            RequireDistinct(Neurons, "neuron", config.Inner);
        if (Positions is { Count: 0 })
            throw new UserException("no position; expected at least one");
    }

    /// <summary>Checks the grid against two prompts.</summary>
    /// <param name="pairs">Pairs of positions.</param>
    /// <param name="direction">Which run is patched.</param>
    /// <param name="cleanLength">Tokens of the clean prompt.</param>
    /// <param name="corruptLength">Tokens of the corrupted prompt.</param>
    /// <exception cref="UserException">A position has no counterpart, or the site needs equal
    /// ones.</exception>
    public void ValidateFor(
        PositionPairs pairs, PatchDirection direction, int cleanLength, int corruptLength)
    {
        ArgumentNullException.ThrowIfNull(pairs);
        pairs.Validate(cleanLength, corruptLength);
        if (Kind == SiteKind.Pattern && (!pairs.IsSame || cleanLength != corruptLength))
            throw new UserException("a pattern has a weight for each position of its own prompt; expected "
                + "prompts of one length, each position with itself");
        PositionsOf([.. pairs.Into(direction).Select(p => p.Target)],
            direction == PatchDirection.Denoise ? corruptLength : cleanLength);
    }

    /// <summary>Returns the chosen positions of a run among those that can be patched.</summary>
    /// <param name="possible">Positions that have a counterpart in the other run, ascending.</param>
    /// <param name="length">Tokens of the run that is patched.</param>
    /// <exception cref="UserException">A chosen position has no counterpart or is named twice.</exception>
    internal int[] PositionsOf(IReadOnlyList<int> possible, int length)
    {
        if (Positions is null)
            return [.. possible];
        int[] chosen = [.. Positions.Select(p => p < 0 ? p + length : p)];
        foreach ((int at, int position) in chosen.Index())
            if (!possible.Contains(position))
                throw new UserException($"position {Positions[at]} has no counterpart in the other run; the "
                    + $"runs share {Counted.Of(possible.Count, "position")}, the last of them "
                    + $"{possible[^1]}");
            else if (chosen.AsSpan(0, at).Contains(position))
                throw new UserException($"position {position} stands twice in "
                    + Field.Of(nameof(Positions)));
        return [.. chosen.Order()];
    }

    /// <summary>The cells of a layer.</summary>
    /// <param name="config">The model.</param>
    /// <param name="layer">Layer, from 0.</param>
    /// <param name="positions">From <see cref="PositionsOf"/>.</param>
    internal IEnumerable<PatchCell> CellsOf(ModelConfig config, int layer, IReadOnlyList<int> positions)
    {
        IEnumerable<int> heads = Enumerable.Range(0, config.Heads);
        return Axis switch
        {
            PatchAxis.Position => positions.Select(p => new PatchCell(layer, p)),
            PatchAxis.Head => heads.Select(h => new PatchCell(layer, Head: h)),
            PatchAxis.HeadPosition => heads.SelectMany(h => positions.Select(
                p => new PatchCell(layer, p, h))),
            PatchAxis.Neuron => (Neurons ?? [.. Enumerable.Range(0, config.Inner)])
                .Select(n => new PatchCell(layer, Neuron: n)),
            _ => [new PatchCell(layer)],
        };
    }

    static void RequireDistinct(IReadOnlyList<int> values, string name, int count)
    {
        if (values.Count == 0)
            throw new UserException($"no {name}; expected at least one");
        if (values.Distinct().Count() != values.Count)
            throw new UserException($"a {name} stands twice: {string.Join(", ", values)}");
        foreach (int value in values)
            if (value < 0 || value >= count)
                throw new UserException(
                    $"{name} {value} does not exist; this model has {name}s 0 to {count - 1}");
    }
}
