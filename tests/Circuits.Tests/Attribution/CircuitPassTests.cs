using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Circuits.Tests;

public sealed class CircuitPassTests
{
    const MetricKind Kind = MetricKind.LogitDifference;

    // float32 against float64: activations of about 1 pass some hundred roundings
    const double Rounding = 256.0 / (1 << 24);

    static (PairRun Run, Func<EdgeCircuit, double> Pass, SplitDecoder Decoder, IDisposable[] Owned) Open()
    {
        ComputeDevice device = ComputeDevice.OpenHost();
        LanguageModel model = AttributionModel.Make(device);
        var runner = new PairRunner(model, 6); // longer than the prompts
        var pass = new CircuitPass(model, 6);
        PairRun run = runner.Run(AttributionModel.Pair, Kind);
        return (run, circuit => pass.Run(run, circuit), new SplitDecoder(model),
            [pass, runner, model, device]);
    }

    // The same by definition, in float64.
    static double Expected(SplitDecoder decoder, EdgeCircuit circuit)
    {
        CircuitGraph graph = circuit.Graph;
        var corruptedStreams = new Dictionary<EdgeReader, double[]>();
        var corrupted = new Dictionary<CircuitNode, double[]>();
        decoder.Run(decoder.Embeddings(AttributionModel.Pair.Corrupt!),
            (r, stream) => corruptedStreams[r] = stream, (n, output) => corrupted[n] = output);
        var written = new Dictionary<CircuitNode, double[]>();
        int ReaderOf(EdgeReader reader) => graph.Readers.ToList().IndexOf(reader);
        double[] logits = decoder.Run(decoder.Embeddings(AttributionModel.Pair.Clean),
            (r, _) => circuit.Into(ReaderOf(r)).Select(u => graph.Writers[u]).Aggregate(corruptedStreams[r],
                (stream, u) => SplitDecoder.Sum(stream, [.. written[u].Zip(corrupted[u], (a, b) => a - b)])),
            (n, output) => written[n] = output);
        return SplitDecoder.Metric(Kind, AttributionModel.Pair, logits);
    }

    [Test]
    public void With_all_edges_it_is_the_clean_run_and_with_none_the_corrupted_one()
    {
        (PairRun run, Func<EdgeCircuit, double> pass, _, IDisposable[] owned) = Open();
        var graph = new CircuitGraph(AttributionModel.Config);
        double all = pass(new EdgeCircuit(graph, Enumerable.Range(0, graph.Edges)));
        Assert.That(all, Is.EqualTo(run.Clean).Within(Rounding));
        Assert.That(pass(new EdgeCircuit(graph, [])), Is.EqualTo(run.Corrupt));
        Assert.That(run.Clean, Is.Not.EqualTo(run.Corrupt).Within(0.1), "a positive control");
        Array.ForEach(owned, o => o.Dispose());
    }

    [TestCase(1, 0.3), TestCase(2, 0.5), TestCase(3, 0.8)]
    public void With_some_edges_it_is_what_the_definition_says(int seed, double share)
    {
        (PairRun run, Func<EdgeCircuit, double> pass, SplitDecoder decoder, IDisposable[] owned) = Open();
        var graph = new CircuitGraph(AttributionModel.Config);
        var random = new SeededRandom((ulong)seed);
        var circuit = new EdgeCircuit(graph,
            Enumerable.Range(0, graph.Edges).Where(_ => random.NextDouble() < share));
        double expected = Expected(decoder, circuit);
        Assert.That(pass(circuit), Is.EqualTo(expected).Within(Rounding));
        Assert.That(expected, Is.Not.EqualTo(run.Corrupt).Within(1e-2), "a positive control");
        Assert.That(expected, Is.Not.EqualTo(run.Clean).Within(1e-2), "a positive control");
        Array.ForEach(owned, o => o.Dispose());
    }
}
