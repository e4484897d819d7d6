using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Circuits;

/// <summary>Senders that are patched together.</summary>
/// <param name="Cell">The layer and head that the cell stands for.</param>
/// <param name="Senders">The senders; at least one.</param>
public sealed record PathCell(PatchCell Cell, IReadOnlyList<PathNode> Senders)
{
    /// <summary>The lowest layer of a sender, where the runs begin to differ.</summary>
    internal int Layer => Senders.Min(sender => sender.Site.Layer);
}

/// <summary>Paths from senders, cell by cell, to one set of receivers.</summary>
public sealed record PathGrid
{
    /// <summary>Sets of senders; a run for each.</summary>
    public required IReadOnlyList<PathCell> Cells { get; init; }

    /// <summary>Where the paths end; all of them are patched together.</summary>
    public required IReadOnlyList<PathNode> Receivers { get; init; }

    /// <summary>
    /// Whether feed-forward blocks between keep their values: then a path goes through the stream alone, its
    /// direct effect (Goldowsky-Dill et al. 2023, arXiv 2304.05969). Otherwise heads alone keep theirs, and a
    /// path goes through feed-forward blocks too (Wang et al. 2022, arXiv 2211.00593, appendix B).
    /// </summary>
    public bool FreezesMlps { get; init; } = true;

    /// <summary>The last layer with a receiver.</summary>
    internal int LastLayer => Receivers.Max(r => r.Site.Layer);

    /// <summary>The first layer with a receiver.</summary>
    internal int FirstLayer => Receivers.Min(r => r.Site.Layer);

    /// <summary>A cell for every head that reaches a receiver.</summary>
    public static IReadOnlyList<PathCell> Heads(ModelConfig config, IReadOnlyList<PathNode> receivers)
    {
        ArgumentNullException.ThrowIfNull(config);
        return
        [
            .. from layer in Enumerable.Range(0, config.Layers)
               from head in Enumerable.Range(0, config.Heads)
               where Reaches(Site.Z(layer), receivers)
               select new PathCell(new(layer, Head: head), [new(Site.Z(layer), head)]),
        ];
    }

    /// <summary>A cell for every feed-forward block that reaches a receiver.</summary>
    public static IReadOnlyList<PathCell> Mlps(ModelConfig config, IReadOnlyList<PathNode> receivers)
    {
        ArgumentNullException.ThrowIfNull(config);
        return
        [
            .. from layer in Enumerable.Range(0, config.Layers)
               where Reaches(Site.MlpOut(layer), receivers)
               select new PathCell(new(layer), [new(Site.MlpOut(layer))]),
        ];
    }

    /// <summary>Checks that a model can run the grid.</summary>
    /// <exception cref="UserException">A list is empty, a node cannot send or receive or does not exist, or a
    /// sender reaches no receiver.</exception>
    public void Validate(ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        if (Receivers.Count == 0 || Cells.Any(cell => cell.Senders.Count == 0))
            throw new UserException("a path has no sender or no receiver; expected at least one of each");
        foreach (PathNode receiver in Receivers)
            if (!receiver.CanReceive)
                throw new UserException($"a path cannot end at {receiver}; expected q, k or v, "
                    + $"ln2.hook_normalized, hook_resid_post or {PathNode.Final}");
        if (Cells.Count == 0)
            throw new UserException($"no sender reaches {Receivers.MaxBy(r => r.Site)}; expected a receiver "
                + "above one");
        foreach (PathNode sender in Cells.SelectMany(cell => cell.Senders))
        {
            if (!sender.CanSend)
                throw new UserException(
                    $"a path cannot begin at {sender}; expected attn.hook_z or hook_mlp_out");
            if (!Reaches(sender.Site, Receivers))
                throw new UserException($"{sender} reaches no receiver; expected one above it");
        }
        foreach (PathNode node in Cells.SelectMany(cell => cell.Senders).Concat(Receivers))
            if (!Site.All(config).Contains(node.Site) || node.Head >= config.Heads)
                throw new UserException($"{node} does not exist in this model");
    }

    static bool Reaches(Site sender, IReadOnlyList<PathNode> receivers)
        => receivers.Any(receiver => sender < receiver.Site);
}
