using HeadTap.Circuits;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Reads the options of path patching.</summary>
static class PathPlan
{
    /// <summary>Returns the cells of paths.</summary>
    /// <exception cref="UserException">Options are missing or belong to activations, or a site does not
    /// fit.</exception>
    internal static PathGrid Read(PatchOptions options, ModelConfig config)
    {
        if (options.From is not { } from || options.To is not { } to)
            throw new UserException($"{Field.Of(options.From is null ? nameof(options.To)
                : nameof(options.From))} alone; expected {Field.Of(nameof(options.From))} and "
                + Field.Of(nameof(options.To)));
        foreach ((string option, object? value) in ((string, object?)[])
            [(nameof(options.By), options.By), (nameof(options.Layers), options.Layers),
            (nameof(options.Positions), options.Positions), (nameof(options.Neurons), options.Neurons),
            (nameof(options.At), options.At == new PatchOptions { Contrast = options.Contrast }.At ? null
                : options.At)])
            if (value is not null)
                throw new UserException($"{Field.Of(nameof(options.From))} and {Field.Of(option)}; paths go "
                    + "from all positions of their senders, so leave it out");
        PathNode[] receivers = Nodes(to, config);
        var grid = new PathGrid
        {
            Receivers = receivers,
            Cells = from switch
            {
                "heads" => PathGrid.Heads(config, receivers),
                "mlps" => PathGrid.Mlps(config, receivers),
                _ => [Set(Nodes(from, config))],
            },
            FreezesMlps = options.Freeze switch
            {
                null or "all" => true,
                "heads" => false,
                _ => throw new UserException($"{Field.Of(nameof(options.Freeze))} is "
                    + $"{Quoted.Name(options.Freeze)}; expected all or heads"),
            },
        };
        grid.Validate(config);
        return grid;
    }

    static PathNode[] Nodes(string text, ModelConfig config)
        => [.. text.Split(',').Select(node => PathNode.Parse(node.Trim(), config))];

    static PathCell Set(PathNode[] senders)
        => new(new PatchCell(senders.Min(s => s.Site.Layer), Head: senders is [{ Head: var head }] ? head
            : null), senders);
}
