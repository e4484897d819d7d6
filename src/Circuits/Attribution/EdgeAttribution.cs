using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Circuits;

/// <summary>
/// Attribution patching of nodes and edges, with integrated gradients: two forward passes and one backward
/// pass in place of one pass for each edge.
/// </summary>
/// <remarks>
/// Node u: <c>(a_clean[u] - a_corrupt[u]) . d metric / d a[u]</c> (Nanda 2023), a sum over positions whose
/// summands are the effects by position; the stream into a block likewise. Edge u to v:
/// <c>(a_clean[u] - a_corrupt[u]) . d metric / d (stream as v alone reads it)</c> (EAP: Syed et al. 2023,
/// arXiv 2310.10348), the readers of a head being its queries, keys and values. With 0 steps gradients are
/// those of the corrupted run. With M steps they are means over M runs whose embeddings lie on the line from
/// the corrupted to the clean ones (EAP-IG: Hanna et al. 2024, arXiv 2403.17806, inputs). The points are the
/// midpoints <c>(k - 1/2) / M</c>, so that the completeness error falls as 1 / M^2; the paper takes
/// <c>k / M</c>, with which it falls as 1 / M. The runs are rows of one pass; on the host the results have
/// the same bits for any number of rows.
/// </remarks>
public sealed class EdgeAttribution : IDisposable
{
    readonly LanguageModel _model;
    readonly CircuitGraph _graph;
    readonly ModelSession _session;
    readonly MetricGradient _gradient;
    readonly double[] _points;
    readonly int _rows;

    /// <summary>Takes memory for passes over several points at once.</summary>
    /// <param name="model">The model, without edits.</param>
    /// <param name="longest">Most tokens of a prompt.</param>
    /// <param name="steps">M: points between the two runs; 0 for the corrupted run alone.</param>
    /// <param name="rowsOfPass">Most points of a pass; 0 takes as many as 1,024 tokens hold.</param>
    /// <exception cref="UserException">The passes do not fit the device.</exception>
    public EdgeAttribution(LanguageModel model, int longest, int steps, int rowsOfPass = 0)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentOutOfRangeException.ThrowIfNegative(steps);
        ArgumentOutOfRangeException.ThrowIfNegative(rowsOfPass);
        _model = model;
        _graph = new CircuitGraph(model.Config);
        _points = steps == 0 ? [0] : [.. Enumerable.Range(0, steps).Select(k => (k + 0.5) / steps)];
        _rows = Math.Min(_points.Length, rowsOfPass > 0 ? rowsOfPass : Math.Max(1, 1024 / longest));
        Site end = Site.ResidPost(model.Config.Layers - 1);
        Site[] streams = [.. Enumerable.Range(0, model.Config.Layers).SelectMany(l =>
            (Site[])[Site.ResidPre(l), Site.ResidMid(l)])];
        _session = new ModelSession(model, new SessionOptions
        {
            MaxRows = _rows, MaxTokens = longest, Logits = LogitsAt.Last, Backward = true,
            Record = [.. streams],
            RecordGradients =
            [
                Site.Embed, end,
                .. Enumerable.Range(0, model.Config.Layers).SelectMany(l => (Site[])[Site.Q(l), Site.K(l),
                    Site.V(l), Site.ResidMid(l), Site.Ln2Normalized(l), Site.ResidPost(l)])
                    .Where(s => s != end),
            ],
        });
        _gradient = new MetricGradient(model, _rows);
    }

    /// <summary>Scores all nodes and edges of a pair.</summary>
    /// <param name="run">What its two prompts gave.</param>
    /// <param name="cancel">Ends the work between passes.</param>
    /// <exception cref="InvalidOperationException">The metric has no gradient.</exception>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    public PairAttribution Of(PairRun run, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(run);
        double[] edges = new double[_graph.Edges];
        double[][] nodes = Empty(_graph.Writers.Count), streams = Empty(_model.Config.Layers);
        using var readers = new ReaderGradients(_model, _graph, run, _rows);
        foreach (double[] points in _points.Chunk(_rows))
        {
            cancel.ThrowIfCancellationRequested();
            Descend(run, points);
            AddEffects(run, points.Length, nodes, streams);
            readers.AddTo(edges, _session, points.Length);
        }
        nodes = [.. nodes.Select(Mean)];
        return new PairAttribution([.. nodes.Select(effects => effects.Sum())], Mean(edges), run.Clean,
            run.Corrupt)
        {
            NodesByPosition = nodes, StreamsByPosition = [.. streams.Select(Mean)],
        };

        double[][] Empty(int rows) => [.. Enumerable.Range(0, rows).Select(_ => new double[run.Length])];
        double[] Mean(double[] sums) => [.. sums.Select(v => v / _points.Length)];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _gradient.Dispose();
        _session.Dispose();
    }

    // One pass forward and back: the corrupted prompt with its embeddings moved towards the clean ones.
    void Descend(PairRun run, double[] points)
    {
        int[] corrupt = run.Pair.RequireAligned();
        int size = run.Corrupted[0].Length;
        float[] embeddings = new float[points.Length * size];
        for (int b = 0; b < points.Length; b++)
            for (int i = 0; i < size; i++)
                embeddings[b * size + i] =
                    (float)(run.Corrupted[0][i] + points[b] * run.Differences[0][i]);
        var rows = new SequenceBatch([.. points.Select(_ => corrupt)]);
        using IDisposable moved = _model.Attach(new Edit
        {
            Site = Site.Embed, Operation = EditOperation.Patch,
            Value = EditValue.Recorded(embeddings, points.Length, run.Length, _model.Config.Width),
        });
        _session.Forward(rows);
        _gradient.Descend(_session, rows, run.Metric);
    }

    // All heads of a block write into the stream after its attention, so they share its gradient; the stream
    // into a block has that of the block below's writers.
    void AddEffects(PairRun run, int rows, double[][] nodes, double[][] streams)
    {
        int L = _model.Config.Layers;
        Add(Site.Embed, Node(0), Stream(0));
        for (int l = 0; l < L; l++)
        {
            Add(Site.ResidMid(l), [.. Enumerable.Range(0, _model.Config.Heads)
                .Select(h => Node(_graph.HeadWriter(l, h)))]);
            Add(Site.ResidPost(l), [Node(_graph.MlpWriter(l)), .. l + 1 < L ? [Stream(l + 1)]
                : ((float[], double[])[])[]]);
        }

        (float[], double[]) Node(int writer) => (run.Differences[writer], nodes[writer]);

        (float[], double[]) Stream(int layer) => (run.StreamDifferences[layer], streams[layer]);

        void Add(Site site, params ReadOnlySpan<(float[] Change, double[] Effects)> parts)
        {
            float[] gradient = _session.SiteGradients[site].ToArray();
            int size = gradient.Length / rows, C = _model.Config.Width;
            foreach ((float[] change, double[] effects) in parts)
                for (int b = 0; b < rows; b++)
                    for (int t = 0; t < effects.Length; t++)
                        effects[t] += Dot(change.AsSpan(t * C, C), gradient.AsSpan(b * size + t * C, C));
        }
    }

    static double Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        double sum = 0;
        for (int i = 0; i < a.Length; i++)
            sum += (double)a[i] * b[i];
        return sum;
    }
}
