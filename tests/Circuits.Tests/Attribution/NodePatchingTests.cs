using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Circuits.Tests;

public sealed class NodePatchingTests
{
    [Test]
    public void A_node_is_patched_as_in_float64_and_to_the_same_bits_in_any_pass()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = AttributionModel.Make(device);
        ContrastPair pair = AttributionModel.Pair;
        const MetricKind Kind = MetricKind.LogProbability;
        using var runner = new PairRunner(model, 5);
        PairRun run = runner.Run(pair, Kind);
        using NodePatching all = new(model, 5), single = new(model, 5, 1);
        double[] effects = all.Effects(run);
        Assert.That(single.Effects(run), Is.EqualTo(effects));

        var decoder = new SplitDecoder(model);
        var clean = new Dictionary<CircuitNode, double[]>();
        decoder.Run(decoder.Embeddings(pair.Clean), null, (n, output) => clean[n] = output);
        double Corrupted(CircuitNode? patched) => SplitDecoder.Metric(Kind, pair, decoder.Run(
            decoder.Embeddings(pair.Corrupt!), null, (n, output) => n == patched ? clean[n] : output));
        var graph = new CircuitGraph(model.Config);
        for (int u = 0; u < effects.Length; u++)
            Assert.That(effects[u], Is.EqualTo(Corrupted(graph.Writers[u]) - Corrupted(null))
                .Within(256.0 / (1 << 24)), graph.Writers[u].Name); // some hundred roundings of numbers of 1
        Assert.That(effects.Skip(1).Max(Math.Abs), Is.GreaterThan(1e-2), "a positive control");
    }
}
