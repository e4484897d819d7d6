using HeadTap.Models;

namespace HeadTap.Circuits;

/// <summary>
/// The true effect of every node: the metric of the corrupted run with the node's clean output in place of
/// its own, less the metric without. Attribution patching estimates it; this says how well.
/// </summary>
/// <remarks>The nodes of a block are rows of one pass that resumes at the block.</remarks>
public sealed class NodePatching : IDisposable
{
    readonly LanguageModel _model;
    readonly CircuitGraph _graph;
    readonly ModelSession _session;
    readonly int _rows;

    /// <summary>Takes memory for passes with several nodes at once.</summary>
    /// <param name="model">The model, without edits.</param>
    /// <param name="longest">Most tokens of a prompt.</param>
    /// <param name="rowsOfPass">Most nodes of a pass; 0 takes as many as 1,024 tokens hold.</param>
    /// <exception cref="Runtime.UserException">The passes do not fit the device.</exception>
    public NodePatching(LanguageModel model, int longest, int rowsOfPass = 0)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentOutOfRangeException.ThrowIfNegative(rowsOfPass);
        _model = model;
        _graph = new CircuitGraph(model.Config);
        _rows = Math.Min(model.Config.Heads + 1,
            rowsOfPass > 0 ? rowsOfPass : Math.Max(1, 1024 / longest));
        _session = new ModelSession(model, new SessionOptions
        {
            MaxRows = _rows, MaxTokens = longest, Logits = LogitsAt.Last,
        });
    }

    /// <summary>Patches the nodes of a pair one by one.</summary>
    /// <param name="run">What its two prompts gave.</param>
    /// <param name="cancel">Ends the work between passes.</param>
    /// <returns>[U]: the effect of each writer. That of the embeddings is the whole difference, because no
    /// other input differs.</returns>
    /// <exception cref="OperationCanceledException">Cancellation was requested.</exception>
    public double[] Effects(PairRun run, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(run);
        double[] effects = new double[_graph.Writers.Count];
        effects[0] = run.Clean - run.Corrupt;
        for (int l = 0; l < _model.Config.Layers; l++)
            foreach (int[] nodes in Enumerable.Range(_graph.HeadWriter(l, 0), _model.Config.Heads + 1)
                .Chunk(_rows))
            {
                cancel.ThrowIfCancellationRequested();
                Patch(run, l, nodes, effects);
            }
        return effects;
    }

    /// <inheritdoc/>
    public void Dispose() => _session.Dispose();

    void Patch(PairRun run, int l, int[] nodes, double[] effects)
    {
        int V = _model.Config.VocabSize;
        int[] corrupt = run.Pair.RequireAligned();
        using IDisposable attached = _model.Attach([.. nodes.Select((n, row) => EditOf(run, l, n, row))]);
        _session.ForwardFrom(new SequenceBatch([.. nodes.Select(_ => corrupt)]),
            new ResumePoint(l, run.StreamPre[l]));
        float[] logits = _session.Logits.ToArray();
        for (int row = 0; row < nodes.Length; row++)
            effects[nodes[row]] = run.Metric.Value(logits.AsSpan(row * V, V)) - run.Corrupt;
    }

    Edit EditOf(PairRun run, int l, int node, int row)
    {
        (int T, int C, int H) = (run.Length, _model.Config.Width, _model.Config.Heads);
        CircuitNode at = _graph.Writers[node];
        return at.Kind == NodeKind.Head
            ? new Edit
            {
                Site = Site.Z(l), Operation = EditOperation.Patch, Head = at.Head, Rows = [row],
                Value = EditValue.Recorded(run.CleanZ[l], 1, T, H, C / H),
            }
            : new Edit
            {
                Site = Site.MlpOut(l), Operation = EditOperation.Patch, Rows = [row],
                Value = EditValue.Recorded(run.CleanMlp[l], 1, T, C),
            };
    }
}
