using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Circuits.Tests;

public sealed class EdgeAttributionTests
{
    // A score is a sum that passes some hundred float32 roundings; relative to the largest score.
    const double Rounding = 256.0 / (1 << 24);

    static PairAttribution Attribute(
        LanguageModel model, int steps, int rows = 0, MetricKind kind = MetricKind.LogitDifference)
    {
        using var runner = new PairRunner(model, AttributionModel.Pair.Clean.Length);
        using var attribution = new EdgeAttribution(model, AttributionModel.Pair.Clean.Length, steps, rows);
        return attribution.Of(runner.Run(AttributionModel.Pair, kind));
    }

    // What each writer changes: its output in the clean run less that in the corrupted one.
    static Dictionary<CircuitNode, double[]> Changes(SplitDecoder decoder)
    {
        var clean = new Dictionary<CircuitNode, double[]>();
        var changes = new Dictionary<CircuitNode, double[]>();
        decoder.Run(decoder.Embeddings(AttributionModel.Pair.Clean), null, (n, o) => clean[n] = o);
        decoder.Run(decoder.Embeddings(AttributionModel.Pair.Corrupt!), null, (n, o) =>
        {
            changes[n] = [.. clean[n].Zip(o, (a, b) => a - b)];
            return o;
        });
        return changes;
    }

    // Of the metric, when the stream that the reader alone reads is moved along the change; Richardson's
    // extrapolation of two central differences, at each point of the path.
    static double Slope(SplitDecoder decoder, MetricKind kind, EdgeReader reader, double[] change, int steps)
    {
        double[] from = decoder.Embeddings(AttributionModel.Pair.Corrupt!);
        double[] to = decoder.Embeddings(AttributionModel.Pair.Clean);
        return (steps == 0 ? [0.0] : Enumerable.Range(0, steps).Select(k => (k + 0.5) / steps)).Average(a =>
        {
            double[] embeddings = [.. from.Zip(to, (f, t) => f + a * (t - f))];
            double At(double h) => SplitDecoder.Metric(kind, AttributionModel.Pair, decoder.Run(embeddings,
                (r, stream) => r == reader
                    ? SplitDecoder.Sum(stream, [.. change.Select(c => h * c)]) : stream));
            double Central(double h) => (At(h) - At(-h)) / (2 * h);
            return (4 * Central(1e-4) - Central(2e-4)) / 3;
        });
    }

    [TestCase(MetricKind.LogitDifference, 0), TestCase(MetricKind.LogProbability, 0),
        TestCase(MetricKind.LogitDifference, 3)]
    public void An_edge_is_the_slope_of_the_metric_along_what_its_reader_alone_reads(
        MetricKind kind, int steps)
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = AttributionModel.Make(device);
        PairAttribution found = Attribute(model, steps, kind: kind);
        var graph = new CircuitGraph(model.Config);
        var decoder = new SplitDecoder(model);
        Dictionary<CircuitNode, double[]> changes = Changes(decoder);
        double bound = Rounding * found.Edges.Max(Math.Abs);
        for (int e = 0; e < graph.Edges; e++)
        {
            (int writer, int reader) = graph.EndsOf(e);
            double expected = Slope(
                decoder, kind, graph.Readers[reader], changes[graph.Writers[writer]], steps);
            Assert.That(found.Edges[e], Is.EqualTo(expected).Within(bound), graph.NameOf(e));
        }
    }

    [TestCase(0), TestCase(4)]
    public void The_edges_of_a_writer_sum_to_the_effect_of_the_node(int steps)
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = AttributionModel.Make(device);
        PairAttribution found = Attribute(model, steps);
        var graph = new CircuitGraph(model.Config);
        double[] sums = new double[graph.Writers.Count], sizes = new double[graph.Writers.Count];
        for (int e = 0; e < graph.Edges; e++)
        {
            sums[graph.EndsOf(e).Writer] += found.Edges[e];
            sizes[graph.EndsOf(e).Writer] += Math.Abs(found.Edges[e]);
        }
        for (int u = 0; u < sums.Length; u++)
            Assert.That(sums[u], Is.EqualTo(found.Nodes[u]).Within(Rounding * sizes.Max()),
                graph.Writers[u].Name);
        Assert.That(found.Nodes.Max(Math.Abs), Is.GreaterThan(1e-2), "a positive control");
    }

    [Test]
    public void The_completeness_error_falls_with_the_square_of_the_steps()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = AttributionModel.Make(device);
        double[] errors = [.. ((int[])[8, 16, 32]).Select(m => Attribute(model, m).CompletenessError)];
        TestContext.Out.WriteLine(string.Join(' ', errors));
        PairAttribution last = Attribute(model, 32);
        Assert.That(last.Clean - last.Corrupt, Is.Not.EqualTo(0).Within(0.1), "a positive control");
        // a quarter at each doubling, up to terms of higher order: at most half
        Assert.That(errors[1], Is.LessThan(errors[0] / 2));
        Assert.That(errors[2], Is.LessThan(errors[1] / 2));
    }

    [Test]
    public void Points_give_the_same_bits_for_any_number_of_rows_in_a_pass()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = AttributionModel.Make(device);
        PairAttribution all = Attribute(model, 5);
        foreach (int rows in (int[])[1, 2, 3])
        {
            PairAttribution some = Attribute(model, 5, rows);
            Assert.That(some.Nodes, Is.EqualTo(all.Nodes), $"{rows} rows");
            Assert.That(some.Edges, Is.EqualTo(all.Edges), $"{rows} rows");
        }
    }

    [Test]
    public void A_rank_has_no_gradient()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = AttributionModel.Make(device);
        Assert.That(() => Attribute(model, 0, kind: MetricKind.Rank), Throws.InvalidOperationException);
    }
}
