using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Circuits;

/// <summary>
/// The gradient of the stream as each node alone reads it, and its products with what earlier nodes changed.
/// </summary>
/// <remarks>
/// A head reads its queries as <c>q = LN(x) W_Q[h] + b</c>, so the gradient that belongs to them is
/// <c>LN'(x)^T (dq W_Q[h]^T)</c>; keys and values likewise. A LayerNorm's backward pass is linear in the
/// gradient of its output, so the gradients of all readers of a stream sum to the stream's own. The logits
/// read the last stream alone, and theirs is its gradient.
/// </remarks>
sealed class ReaderGradients : IDisposable
{
    readonly LanguageModel _model;
    readonly CircuitGraph _graph;
    readonly TensorArena _arena;
    readonly int _size; // T C
    readonly int C, H, D, T;
    readonly Tensor _changes; // [U, T C]
    readonly Tensor _weight, _dHead, _dNorm, _norm, _mean, _rstd;
    readonly Tensor _dStream; // [3 H rows, T C]
    readonly Tensor _scores; // [3 H rows, U]

    internal ReaderGradients(LanguageModel model, CircuitGraph graph, PairRun run, int maxRows)
    {
        (_model, _graph) = (model, graph);
        (C, H, D, T) = (model.Config.Width, model.Config.Heads, model.Config.HeadWidth, run.Length);
        _size = T * C;
        int tokens = maxRows * T;
        (string Name, int[] Shape)[] cuts =
        [
            ("changes", [graph.Writers.Count, _size]), ("weight of a head", [C, D]),
            ("gradient of a head", [tokens, D]), ("gradient of the norm", [tokens, C]),
            ("norm", [tokens, C]), ("mean", [tokens]), ("rstd", [tokens]),
            ("gradient of the stream", [3 * H * maxRows, _size]),
            ("scores", [3 * H * maxRows, graph.Writers.Count]),
        ];
        _arena = new TensorArena(model.Device, TensorArena.Measure(model.Device, a =>
            Array.ForEach(cuts, cut => a.Cut(cut.Name, cut.Shape))), "scores of edges");
        Tensor[] t = [.. cuts.Select(cut => _arena.Cut(cut.Name, cut.Shape))];
        (_changes, _weight, _dHead, _dNorm, _norm, _mean, _rstd, _dStream, _scores)
            = (t[0], t[1], t[2], t[3], t[4], t[5], t[6], t[7], t[8]);
        for (int u = 0; u < graph.Writers.Count; u++)
            _changes.SliceRows(u, 1).Upload(run.Differences[u]);
    }

    public void Dispose() => _arena.Dispose();

    /// <summary>Adds the products of a pass, row by row of its batch.</summary>
    /// <param name="edges">[edges], added into.</param>
    /// <param name="session">After its backward pass.</param>
    /// <param name="rows">Rows of the batch.</param>
    internal void AddTo(double[] edges, ModelSession session, int rows)
    {
        for (int l = 0; l < _model.Config.Layers; l++)
        {
            Heads(session, l, rows);
            AddProducts(edges, _graph.HeadReader(l, 0, ReaderInput.Q), 3 * H, rows);
            Mlp(session, l, rows);
            AddProducts(edges, _graph.MlpReader(l), 1, rows);
        }
        Tensor end = session.SiteGradients[Site.ResidPost(_model.Config.Layers - 1)].Tensor!;
        _model.Ops.Copy(end.Reshape(rows, _size), _dStream.SliceRows(0, rows));
        AddProducts(edges, _graph.LogitsReader, 1, rows);
    }

    // Block by block of rows in _dStream: queries, keys and values of head 0, then of head 1 and so on.
    void Heads(ModelSession session, int l, int rows)
    {
        NamedBlock<Tensor> w = _model.Weights.Layers[l];
        Tensor x = Stream(session, Site.ResidPre(l), rows, w.Norm1Weight, w.Norm1Bias);
        Tensor[] gradients = [.. ((Site[])[Site.Q(l), Site.K(l), Site.V(l)])
            .Select(s => session.SiteGradients[s].Tensor!.Reshape(rows * T, C))];
        Tensor dHead = _dHead.SliceRows(0, rows * T), dNorm = _dNorm.SliceRows(0, rows * T);
        for (int h = 0; h < H; h++)
            for (int part = 0; part < 3; part++)
            {
                _model.Ops.CopyColumns(gradients[part], dHead, h * D);
                _model.Ops.CopyColumns(w.QkvWeight, _weight, part * C + h * D);
                _model.Ops.MatMulTransposed(dHead, _weight, dNorm);
                ThroughNorm(x, w.Norm1Weight, dNorm, 3 * h + part, rows);
            }
    }

    void Mlp(ModelSession session, int l, int rows)
    {
        NamedBlock<Tensor> w = _model.Weights.Layers[l];
        Tensor x = Stream(session, Site.ResidMid(l), rows, w.Norm2Weight, w.Norm2Bias);
        ThroughNorm(x, w.Norm2Weight,
            session.SiteGradients[Site.Ln2Normalized(l)].Tensor!.Reshape(rows * T, C), 0, rows);
    }

    // The stream, with its mean and 1 / scale computed again.
    Tensor Stream(ModelSession session, Site site, int rows, Tensor gain, Tensor shift)
    {
        Tensor x = session.Recordings[site].Tensor!.Reshape(rows * T, C);
        _model.Ops.LayerNorm(x, gain, shift, _norm.SliceRows(0, rows * T), Of(_mean, rows), Of(_rstd, rows),
            _model.Config.LayerNormEpsilon);
        return x;
    }

    void ThroughNorm(Tensor x, Tensor gain, Tensor dNorm, int block, int rows)
    {
        Tensor dX = _dStream.SliceRows(block * rows, rows).Reshape(rows * T, C);
        _model.Ops.Fill(dX, 0f);
        _model.Ops.LayerNormBackward(x, gain, Of(_mean, rows), Of(_rstd, rows), dNorm, dX, null, null);
    }

    Tensor Of(Tensor ofRows, int rows) => ofRows.Slice(ofRows.Name, 0, rows * T);

    // Products of the first readers * rows rows of _dStream with the changes of all writers before them.
    void AddProducts(double[] edges, int reader, int readers, int rows)
    {
        int writers = _graph.WritersBefore(reader);
        Tensor y = _scores.Slice("scores", 0, readers * rows, writers);
        _model.Ops.MatMulTransposed(
            _dStream.SliceRows(0, readers * rows), _changes.SliceRows(0, writers), y);
        float[] products = y.ToArray();
        for (int r = 0; r < readers; r++)
            for (int b = 0; b < rows; b++)
                for (int u = 0; u < writers; u++)
                    edges[_graph.IndexOf(u, reader + r)] += products[(r * rows + b) * writers + u];
    }
}
