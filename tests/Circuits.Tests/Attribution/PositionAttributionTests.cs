using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Circuits.Tests;

/// <summary>Effects of nodes and of the stream by position.</summary>
public sealed class PositionAttributionTests
{
    // A score is a sum that passes some hundred float32 roundings; relative to the largest score.
    const double Rounding = 256.0 / (1 << 24);

    static PairAttribution Attribute(LanguageModel model, ContrastPair pair, int steps,
        MetricKind kind = MetricKind.LogitDifference, int rows = 0)
    {
        using var runner = new PairRunner(model, pair.Clean.Length + 1); // longer than the prompts
        using var attribution = new EdgeAttribution(model, pair.Clean.Length + 1, steps, rows);
        return attribution.Of(runner.Run(pair, kind));
    }

    // The slope of the metric when what a node writes at one position is moved along a change: Richardson's
    // extrapolation of two central differences in float64, at each point of the path.
    static double Slope(
        SplitDecoder decoder, MetricKind kind, CircuitNode node, int position, double[] change, int steps)
    {
        ContrastPair pair = AttributionModel.Pair;
        double[] from = decoder.Embeddings(pair.Corrupt!), to = decoder.Embeddings(pair.Clean);
        int C = AttributionModel.Config.Width;
        return (steps == 0 ? [0.0] : Enumerable.Range(0, steps).Select(k => (k + 0.5) / steps)).Average(a =>
        {
            double[] embeddings = [.. from.Zip(to, (f, t) => f + a * (t - f))];
            double At(double h) => SplitDecoder.Metric(kind, pair, decoder.Run(embeddings, null,
                (n, output) => n != node ? output
                    : [.. output.Select((v, i) => i / C == position ? v + h * change[i] : v)]));
            double Central(double h) => (At(h) - At(-h)) / (2 * h);
            return (4 * Central(1e-4) - Central(2e-4)) / 3;
        });
    }

    // What each node changes, and the stream into each block: clean less corrupted, in float64.
    static (Dictionary<CircuitNode, double[]> Nodes, double[][] Streams) Changes(SplitDecoder decoder)
    {
        (Dictionary<CircuitNode, double[]> Nodes, double[][] Streams) Of(int[] prompt)
        {
            var nodes = new Dictionary<CircuitNode, double[]>();
            double[][] streams = new double[AttributionModel.Config.Layers][];
            decoder.Run(decoder.Embeddings(prompt), (reader, stream) =>
            {
                if (reader.Input == ReaderInput.Q)
                    streams[reader.Node.Layer] = stream;
                return stream;
            }, (n, output) => nodes[n] = output);
            return (nodes, streams);
        }
        static double[] Less(double[] a, double[] b) => [.. a.Zip(b, (x, y) => x - y)];
        var clean = Of(AttributionModel.Pair.Clean);
        var corrupt = Of(AttributionModel.Pair.Corrupt!);
        return (clean.Nodes.ToDictionary(n => n.Key, n => Less(n.Value, corrupt.Nodes[n.Key])),
            [.. clean.Streams.Zip(corrupt.Streams, Less)]);
    }

    [TestCase(MetricKind.LogitDifference, 0), TestCase(MetricKind.LogProbability, 0),
        TestCase(MetricKind.LogitDifference, 3)]
    public void An_effect_is_the_slope_along_what_the_node_changes_at_that_position(
        MetricKind kind, int steps)
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = AttributionModel.Make(device);
        PairAttribution found = Attribute(model, AttributionModel.Pair, steps, kind);
        var graph = new CircuitGraph(model.Config);
        var decoder = new SplitDecoder(model);
        (Dictionary<CircuitNode, double[]> changes, double[][] streams) = Changes(decoder);
        double bound = Rounding * found.NodesByPosition.SelectMany(n => n).Max(Math.Abs);
        int T = AttributionModel.Pair.Clean.Length, layers = model.Config.Layers;
        Assert.That(found.NodesByPosition, Has.Count.EqualTo(graph.Writers.Count));
        Assert.That(found.StreamsByPosition, Has.Count.EqualTo(layers));
        for (int t = 0; t < T; t++)
        {
            for (int u = 0; u < graph.Writers.Count; u++)
                Assert.That(found.NodesByPosition[u][t], Is.EqualTo(Slope(decoder, kind, graph.Writers[u], t,
                    changes[graph.Writers[u]], steps)).Within(bound), $"{graph.Writers[u].Name} at {t}");
            for (int l = 0; l < layers; l++) // the block below writes last into the stream
                Assert.That(found.StreamsByPosition[l][t], Is.EqualTo(Slope(decoder, kind, l == 0
                    ? new(NodeKind.Input) : new(NodeKind.Mlp, l - 1), t, streams[l], steps)).Within(bound),
                    $"layer {l} at {t}");
        }
        Assert.That(found.NodesByPosition.Skip(1).SelectMany(n => n).Count(v => Math.Abs(v) > 1e-2),
            Is.GreaterThan(5), "a positive control");
    }

    [Test]
    public void Positions_sum_to_the_node_and_have_the_same_bits_for_any_number_of_rows()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = AttributionModel.Make(device);
        PairAttribution all = Attribute(model, AttributionModel.Pair, 5);
        Assert.That(all.NodesByPosition.Select(n => n.Sum()), Is.EqualTo(all.Nodes));
        foreach (int rows in (int[])[1, 2, 3])
        {
            PairAttribution some = Attribute(model, AttributionModel.Pair, 5, rows: rows);
            Assert.That(some.NodesByPosition, Is.EqualTo(all.NodesByPosition), $"{rows} rows");
            Assert.That(some.StreamsByPosition, Is.EqualTo(all.StreamsByPosition), $"{rows} rows");
        }
    }

    // Two words whose embeddings hardly differ: then the first order is all that patching measures.
    [Test]
    public void To_first_order_they_are_what_patching_measures()
    {
        const double Apart = 1.0 / 256;
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = AttributionModel.Make(device);
        int C = model.Config.Width;
        var pair = AttributionModel.Pair with { Corrupt = [3, 2, 0, 16, 5] }; // one word differs
        int[] corrupt = pair.Corrupt!;
        float[] words = model.Set["wte.weight"].ToArray();
        for (int c = 0; c < C; c++)
        {
            ref float other = ref words[corrupt[1] * C + c];
            float own = words[pair.Clean[1] * C + c];
            other = own + (float)Apart * (other - own);
        }
        model.Set["wte.weight"].Upload(words);
        PairAttribution found = Attribute(model, pair, 0);
        Compare(SiteKind.ResidPre, PatchAxis.Position, cell => found.StreamsByPosition[cell.Layer]);
        var graph = new CircuitGraph(model.Config);
        Compare(SiteKind.MlpOut, PatchAxis.Position,
            cell => found.NodesByPosition[graph.MlpWriter(cell.Layer)]);
        Compare(SiteKind.Z, PatchAxis.HeadPosition,
            cell => found.NodesByPosition[graph.HeadWriter(cell.Layer, cell.Head!.Value)]);

        void Compare(SiteKind site, PatchAxis axis, Func<PatchCell, double[]> estimated)
        {
            using var sweep = new PatchSweep(model, new PatchGrid
            {
                Kind = site, Axis = axis, Layers = [.. Enumerable.Range(0, model.Config.Layers)],
            }, pair.Clean.Length);
            PatchedPair patched = sweep.Run(PatchContrast.Of(pair),
                new AnswerMetric(MetricKind.LogitDifference, pair.Answer, pair.Wrong));
            double[] effects = [.. patched.Values.Select(v => v - patched.Corrupt)];
            double largest = effects.Max(Math.Abs);
            Assert.That(largest, Is.GreaterThan(1e-4), "a positive control");
            foreach ((PatchCell cell, double effect) in patched.Cells.Zip(effects))
                Assert.That(estimated(cell)[cell.Position!.Value], Is.EqualTo(effect)
                    .Within(4 * Apart * largest), $"{site} {cell}");
        }
    }
}
