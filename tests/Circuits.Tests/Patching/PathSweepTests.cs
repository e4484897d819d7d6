using System.Numerics;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Circuits.Tests;

public sealed class PathSweepTests
{
    static readonly ModelConfig s_config = PatchModel.Config;

    static readonly AnswerMetric s_metric = new(MetricKind.LogitDifference, PatchModel.Pair.Answer,
        PatchModel.Pair.Wrong);

    static PathNode[] Nodes(string texts)
        => [.. texts.Split(',').Select(text => PathNode.Parse(text, s_config))];

    static IEnumerable<string> Ends => ["blocks.2.attn.hook_q:1", "blocks.1.attn.hook_k",
        "blocks.2.attn.hook_v:0,blocks.1.attn.hook_q:3", "blocks.1.ln2.hook_normalized", "final",
        "blocks.2.ln2.hook_normalized,blocks.2.attn.hook_k:2,blocks.1.hook_resid_post"];

    /// <summary>
    /// The textbook's three runs, one cell at a time. A logit of ours may err at most twice as much as one of
    /// the textbook in float32, and a logit difference is made of two.
    /// </summary>
    [Test, Combinatorial]
    public void Cells_are_those_of_the_three_runs_by_the_textbook([ValueSource(nameof(Ends))] string ends,
        [Values] bool freezesMlps, [Values("heads", "mlps", "set")] string from,
        [Values] PatchDirection direction)
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = PatchModel.Open(device);
        PathNode[] receivers = Nodes(ends);
        var grid = new PathGrid
        {
            Receivers = receivers, FreezesMlps = freezesMlps,
            Cells = from switch
            {
                "heads" => PathGrid.Heads(s_config, receivers),
                "mlps" => PathGrid.Mlps(s_config, receivers),
                _ => [new(new(0), Nodes(
                    "blocks.0.attn.hook_z:2,blocks.0.hook_mlp_out,blocks.0.attn.hook_z:3"))],
            },
        };
        using var sweep = new PathSweep(model, grid, 6, 3);
        PatchedPair found = sweep.Run(PatchContrast.Of(PatchModel.Pair), s_metric, direction);
        double[][] exact = Textbook<double>(model, grid, direction),
            plain = Textbook<float>(model, grid, direction);
        double theirs = PatchModel.LargestError(exact, plain);
        foreach ((double value, double[] logits) in found.Values.Zip(exact))
            Assert.That(Math.Abs(value - PatchModel.Measure(MetricKind.LogitDifference, PatchModel.Pair,
                logits, logits)) <= 4 * theirs, $"{value}; logits in float32 err by {theirs}");
        using var wide = new PathSweep(model, grid, 6);
        Assert.That(wide.Run(PatchContrast.Of(PatchModel.Pair), s_metric, direction).Values,
            Is.EqualTo(found.Values), "rows of a pass change bits");
    }

    // The logits of each cell.
    static double[][] Textbook<TReal>(LanguageModel model, PathGrid grid, PatchDirection direction)
        where TReal : IFloatingPointIeee754<TReal>
    {
        (int[] source, int[] target) = direction == PatchDirection.Denoise
            ? (PatchModel.Clean, PatchModel.Corrupt) : (PatchModel.Corrupt, PatchModel.Clean);
        Dictionary<string, TReal[]> sent = PatchModel.Sites<TReal>(model, source),
            kept = PatchModel.Sites<TReal>(model, target);
        return [.. grid.Cells.Select(cell =>
        {
            Dictionary<string, TReal[]> through = PatchModel.Sites<TReal>(model, target, (name, x) =>
            {
                if (name.EndsWith("hook_z", StringComparison.Ordinal)
                    || (grid.FreezesMlps && name.EndsWith("hook_mlp_out", StringComparison.Ordinal)))
                    x = (TReal[])kept[name].Clone();
                return Put(cell.Senders, name, x, sent);
            });
            return Array.ConvertAll(PatchModel.Last(model, PatchModel.Sites<TReal>(model, target,
                (name, x) => Put(grid.Receivers, name, x, through))), double.CreateChecked);
        })];
    }

    static TReal[] Put<TReal>(IReadOnlyList<PathNode> nodes, string name, TReal[] x,
        Dictionary<string, TReal[]> from)
    {
        int C = s_config.Width, D = s_config.HeadWidth;
        foreach (PathNode node in nodes.Where(node => node.Site.Name == name))
            for (int i = 0; i < x.Length; i++)
                if (node.Head is not { } head || i % C / D == head)
                    x[i] = from[name][i];
        return x;
    }

    /// <summary>In the last block a head's paths to the end are all that it does there.</summary>
    [Test]
    public void A_head_of_the_last_block_does_by_its_paths_what_it_does_at_all()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = PatchModel.Open(device);
        PathNode[] end = Nodes("final");
        PathCell[] cells = [.. PathGrid.Heads(s_config, end).Where(cell => cell.Cell.Layer == 2)];
        using var paths = new PathSweep(model,
            new PathGrid { Cells = cells, Receivers = end, FreezesMlps = false }, 6);
        using var all = new PatchSweep(model,
            new PatchGrid { Kind = SiteKind.Z, Axis = PatchAxis.Head, Layers = [2] }, 6);
        PatchContrast contrast = PatchContrast.Of(PatchModel.Pair);
        Assert.That(paths.Run(contrast, s_metric).Values, Is.EqualTo(all.Run(contrast, s_metric).Values));
    }

    [Test]
    public void Cells_are_the_senders_that_reach_a_receiver()
    {
        Assert.That(PathGrid.Heads(s_config, Nodes("blocks.1.attn.hook_q:0")).Select(c => c.Cell),
            Is.EqualTo(Enumerable.Range(0, 4).Select(h => new PatchCell(0, Head: h))));
        Assert.That(PathGrid.Heads(s_config, Nodes("blocks.1.ln2.hook_normalized")), Has.Count.EqualTo(8));
        Assert.That(PathGrid.Mlps(s_config, Nodes("blocks.1.ln2.hook_normalized")), Has.Count.EqualTo(1));
        Assert.That(PathGrid.Mlps(s_config, Nodes("final")), Has.Count.EqualTo(3));
    }

    [TestCase("blocks.*.attn.hook_z", "more than one site"), TestCase("blocks.1.attn.hook_z:4", "0 to 3"),
        TestCase("blocks.1.hook_mlp_out:0", "without a colon"), TestCase("blocks.3.attn.hook_z:0", "nothing"),
        TestCase("blocks.1.attn.hook_z:x", "names no head")]
    public void Nodes_that_do_not_exist_are_refused(string text, string said)
        => Assert.That(() => PathNode.Parse(text, s_config),
            Throws.TypeOf<UserException>().With.Message.Contains(said));

    [TestCase("blocks.1.attn.hook_z:1", "blocks.1.attn.hook_q:0", "reaches no receiver"),
        TestCase("blocks.1.attn.hook_q:1", "final", "cannot begin at blocks.1.attn.hook_q:1"),
        TestCase("blocks.0.attn.hook_z:1", "blocks.1.hook_mlp_out", "cannot end at blocks.1.hook_mlp_out")]
    public void Paths_that_lead_nowhere_are_refused(string from, string to, string said)
    {
        var grid = new PathGrid { Cells = [new(new(0), Nodes(from))], Receivers = Nodes(to) };
        Assert.That(() => grid.Validate(s_config),
            Throws.TypeOf<UserException>().With.Message.Contains(said));
        Assert.That(() => (grid with { Receivers = [] }).Validate(s_config),
            Throws.TypeOf<UserException>().With.Message.Contains("no receiver"));
        PathNode[] first = Nodes("blocks.0.attn.hook_q:1");
        Assert.That(
            () => new PathGrid { Cells = PathGrid.Heads(s_config, first), Receivers = first }
                .Validate(s_config),
            Throws.TypeOf<UserException>().With.Message.Contains("no sender reaches"));
    }
}
