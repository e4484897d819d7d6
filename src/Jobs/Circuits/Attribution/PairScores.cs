using HeadTap.Circuits;
using HeadTap.Models;

namespace HeadTap.Jobs;

/// <summary>The scores of one pair.</summary>
/// <param name="Attribution">Estimated effects.</param>
/// <param name="Patched">True effects of nodes; null where they were not asked for.</param>
sealed record PairScore(PairAttribution Attribution, double[]? Patched);

/// <summary>The scores of all pairs, and what follows from them. Means are sums in the order of the
/// pairs.</summary>
sealed class PairScores(CircuitGraph graph, IReadOnlyList<PairScore> pairs)
{
    const int PairedStream = 0x65646765; // apart from those of nodes and of the circuit

    internal CircuitGraph Graph => graph;

    internal int Pairs => pairs.Count;

    /// <summary>Runs the pairs one after the other.</summary>
    internal static PairScores Of(LanguageModel model, PairRunner runner, IReadOnlyList<ContrastPair> pairs,
        MetricKind kind, AttributeOptions options, JobContext context)
    {
        int longest = pairs.Max(p => p.Clean.Length);
        using var attribution = new EdgeAttribution(model, longest, options.IgSteps, options.BatchRows);
        using NodePatching? patching = options.Agreement
            ? new NodePatching(model, longest, options.BatchRows) : null;
        var found = new List<PairScore>();
        foreach (ContrastPair pair in pairs)
        {
            context.Report("attributing", (double)found.Count / pairs.Count);
            PairRun run = runner.Run(pair, kind);
            found.Add(new PairScore(attribution.Of(run, context.Cancel),
                patching?.Effects(run, context.Cancel)));
        }
        return new PairScores(new CircuitGraph(model.Config), found);
    }

    /// <summary>The metric of each pair when only a circuit's edges carry clean values.</summary>
    internal static double[] RunCircuit(LanguageModel model, PairRunner runner,
        IReadOnlyList<ContrastPair> prompts, MetricKind kind, EdgeCircuit circuit, JobContext context)
    {
        using var pass = new CircuitPass(model, prompts.Max(p => p.Clean.Length));
        return [.. prompts.Select((pair, i) =>
        {
            context.Report("running the circuit", (double)i / prompts.Count);
            return pass.Run(runner.Run(pair, kind), circuit);
        })];
    }

    internal double Mean(Func<PairScore, double> value) => pairs.Average(value);

    internal double[] Mean(Func<PairScore, double[]> values)
    {
        double[] sum = new double[values(pairs[0]).Length];
        foreach (PairScore pair in pairs)
            for (int i = 0; i < sum.Length; i++)
                sum[i] += values(pair)[i];
        return [.. sum.Select(v => v / pairs.Count)];
    }

    internal IReadOnlyList<NodeEffectResult> Nodes(ulong seed)
    {
        double[] effects = Mean(p => p.Attribution.Nodes);
        double[]? patched = pairs[0].Patched is null ? null : Mean(p => p.Patched!);
        return [.. graph.Writers.Select((node, u) =>
        {
            Interval? spread = Spread(drawn => drawn.Average(i => pairs[i].Attribution.Nodes[u]), seed, u);
            return new NodeEffectResult(node.Name, LayerOf(node), HeadOf(node), effects[u], spread?.Low,
                spread?.High, patched?[u]);
        })];
    }

    /// <summary>Effects by position; positions that not every pair has are left out.</summary>
    internal PositionEffectsResult Positions(ContrastData data, bool fromEnd, ulong seed)
    {
        int T = pairs.Min(p => p.Attribution.StreamsByPosition[0].Length);
        int[] positions = [.. Enumerable.Range(fromEnd ? -T : 0, T)];
        int[]? tokens = pairs.Count > 1 ? null : data.Pairs[0].Corrupt;
        return new PositionEffectsResult(tokens, tokens?.Select(data.Piece).ToArray(),
            [.. Enumerable.Range(0, data.Config.Layers).SelectMany(l => positions.Select(t =>
            {
                (double mean, Interval? spread) = Of(p => p.StreamsByPosition[l], t);
                return new StreamPositionResult(l, t, mean, spread?.Low, spread?.High);
            }))],
            [.. graph.Writers.SelectMany((node, u) => positions.Select(t =>
            {
                (double mean, Interval? spread) = Of(p => p.NodesByPosition[u], t);
                return new NodePositionResult(node.Name, LayerOf(node), HeadOf(node), t, mean, spread?.Low,
                    spread?.High);
            }))]);

        (double, Interval?) Of(Func<PairAttribution, double[]> row, int position)
            => MeanOf([.. pairs.Select(p => row(p.Attribution))
                .Select(effects => effects[position < 0 ? position + effects.Length : position])], seed);
    }

    internal CompletenessResult Completeness() => new(Mean(p => p.Attribution.Nodes[0]),
        Mean(p => p.Attribution.Clean - p.Attribution.Corrupt), Mean(p => p.Attribution.CompletenessError));

    /// <summary>Of heads and feed-forward blocks: the input's effect is the whole difference by
    /// definition.</summary>
    internal AgreementResult? Agreement(int top)
    {
        if (pairs[0].Patched is null)
            return null;
        var found = EffectAgreement.Of(
            Mean(p => p.Attribution.Nodes)[1..], Mean(p => p.Patched!)[1..], top);
        return new AgreementResult(found.Pearson, found.Spearman, found.Top, found.Overlap);
    }

    internal CircuitResult Circuit(EdgeCircuit circuit, double[] edges, double[] values, ulong seed)
    {
        double Share(IReadOnlyList<int> drawn)
        {
            double corrupt = drawn.Average(i => pairs[i].Attribution.Corrupt);
            double whole = drawn.Average(i => pairs[i].Attribution.Clean) - corrupt;
            return whole == 0 ? double.NaN : (drawn.Average(i => values[i]) - corrupt) / whole;
        }
        Interval? spread = Spread(Share, seed, graph.Writers.Count);
        return new CircuitResult(
            [.. circuit.Edges.OrderByDescending(e => Math.Abs(edges[e]))
                .Select(e => Edge(e, seed))],
            [.. circuit.Nodes.Select(n => n.Name)], graph.Edges, values.Average(),
            Share([.. Enumerable.Range(0, values.Length)]), spread?.Low, spread?.High);
    }

    /// <summary>The effect of an edge, with its interval over pairs.</summary>
    internal EdgeEffectResult Edge(int edge, ulong seed)
    {
        (int writer, int reader) = graph.EndsOf(edge);
        (double effect, Interval? spread) = MeanOf([.. pairs.Select(p => p.Attribution.Edges[edge])], seed);
        return new EdgeEffectResult(graph.Writers[writer].Name, graph.Readers[reader].Node.Name,
            graph.Readers[reader].Input switch
            {
                ReaderInput.Q => "q",
                ReaderInput.K => "k",
                ReaderInput.V => "v",
                _ => null,
            }, effect, spread?.Low, spread?.High);
    }

    static int? LayerOf(CircuitNode node) => node.Kind == NodeKind.Input ? null : node.Layer;

    static int? HeadOf(CircuitNode node) => node.Kind == NodeKind.Head ? node.Head : null;

    // Every edge and every cell is drawn with the same pairs, so they stay paired.
    (double Mean, Interval? Spread) MeanOf(double[] values, ulong seed)
        => (values.Average(), Spread(drawn => drawn.Average(i => values[i]), seed, PairedStream));

    Interval? Spread(Func<int[], double> statistic, ulong seed, int stream) => pairs.Count < 2 ? null
        : Bootstrap.Of(pairs.Count, statistic, new SeededRandom(seed, (ulong)stream));
}
