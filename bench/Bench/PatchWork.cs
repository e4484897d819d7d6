using HeadTap.Circuits;
using HeadTap.Models;

namespace HeadTap.Bench;

/// <summary>The pair of prompts and the grids that benches of patching run.</summary>
static class PatchWork
{
    /// <summary>Sites and what a cell of each is.</summary>
    internal static readonly (SiteKind Kind, PatchAxis Axis)[] Grids =
    [
        (SiteKind.ResidPre, PatchAxis.Position), (SiteKind.AttnOut, PatchAxis.Position),
        (SiteKind.Z, PatchAxis.Head),
    ];

    /// <summary>Numbers of tokens of a prompt.</summary>
    internal static readonly int[] Lengths = [16, 32];

    /// <summary>What is measured.</summary>
    internal static readonly AnswerMetric Metric = new(MetricKind.LogitDifference, 11, 12);

    /// <summary>A pair of which every fifth token differs.</summary>
    internal static ContrastPair Pair(ModelConfig config, int tokens)
    {
        int[] clean = [.. Enumerable.Range(0, tokens).Select(i => 37 * i % config.VocabSize)];
        return new ContrastPair(clean, [.. clean.Select((id, t) => t % 5 == 1 ? id + 1 : id)], 11, 12);
    }

    /// <summary>The grid over all layers.</summary>
    internal static PatchGrid Grid(ModelConfig config, SiteKind kind, PatchAxis axis)
        => new() { Kind = kind, Axis = axis, Layers = [.. Enumerable.Range(0, config.Layers)] };
}
