using HeadTap.Models;
using HeadTap.Runtime;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace HeadTap.Circuits;

/// <summary>
/// Runs a model with only the edges of a circuit: each reader gets the corrupted run's stream, in which what
/// kept edges carry is replaced by what their writers write in this run; the embeddings are the clean ones
/// (edge patching: Conmy et al. 2023, arXiv 2304.14997; Hanna et al. 2024, arXiv 2403.17806).
/// </summary>
/// <remarks>
/// Queries, keys and values of each head read streams of their own, so a block has 3 H + 1 of them. With all
/// edges this is the clean run up to rounding, and without any the corrupted one to the bit.
/// </remarks>
public sealed class CircuitPass : IDisposable
{
    readonly LanguageModel _model;
    readonly CircuitGraph _graph;
    readonly TensorArena _arena;
    readonly int C, H, D, I, V;
    readonly Tensor _streams, _mean, _rstd; // [3 H T, C]
    readonly Tensor _qkv, _z, _result, _inner, _out, _logits, _part, _weight, _bias, _logSum;
    readonly IndexTensor _length;

    /// <summary>Takes memory for one prompt.</summary>
    /// <param name="model">The model, without edits.</param>
    /// <param name="longest">Most tokens of a prompt.</param>
    /// <exception cref="UserException">It does not fit the device.</exception>
    public CircuitPass(LanguageModel model, int longest)
    {
        ArgumentNullException.ThrowIfNull(model);
        (_model, _graph) = (model, new CircuitGraph(model.Config));
        (C, H, D) = (model.Config.Width, model.Config.Heads, model.Config.HeadWidth);
        (I, V) = (model.Config.Inner, model.Config.VocabSize);
        int T = longest;
        (string Name, int[] Shape)[] cuts =
        [
            ("streams", [3 * H * T, C]), ("mean", [3 * H * T]), ("rstd", [3 * H * T]), ("qkv", [T, 3 * C]),
            ("z", [T, C]), ("result", [T, H, C]), ("inner", [T, I]), ("out", [T, C]), ("logits", [1, V]),
            ("part", [T, D]), ("weight of a part", [C, D]), ("bias of a part", [D]), ("log sum", [1, H, T]),
        ];
        _arena = new TensorArena(model.Device, TensorArena.Measure(model.Device, a =>
        {
            Array.ForEach(cuts, cut => a.Cut(cut.Name, cut.Shape));
            a.CutIndices("length", 1);
        }), "a circuit's pass");
        Tensor[] t = [.. cuts.Select(cut => _arena.Cut(cut.Name, cut.Shape))];
        (_streams, _mean, _rstd, _qkv, _z, _result, _inner) = (t[0], t[1], t[2], t[3], t[4], t[5], t[6]);
        (_out, _logits, _part, _weight, _bias, _logSum) = (t[7], t[8], t[9], t[10], t[11], t[12]);
        _length = _arena.CutIndices("length", 1);
    }

    /// <summary>Runs a circuit and returns the metric after it.</summary>
    /// <param name="run">What the two prompts gave.</param>
    /// <param name="circuit">The edges that are kept.</param>
    /// <exception cref="UserException">Logits are not finite.</exception>
    public double Run(PairRun run, EdgeCircuit circuit)
    {
        ArgumentNullException.ThrowIfNull(run);
        ArgumentNullException.ThrowIfNull(circuit);
        // What each writer writes here less what it wrote in the corrupted run; null for nothing.
        float[]?[] changes = new float[]?[_graph.Writers.Count];
        changes[0] = run.Differences[0];
        _length.Upload([run.Length]);
        for (int l = 0; l < _model.Config.Layers; l++)
        {
            Heads(l, run, circuit, changes);
            Mlp(l, run, circuit, changes);
        }
        return run.Metric.Value(Logits(run, circuit, changes));
    }

    /// <inheritdoc/>
    public void Dispose() => _arena.Dispose();

    void Heads(int l, PairRun run, EdgeCircuit circuit, float[]?[] changes)
    {
        int first = _graph.HeadReader(l, 0, ReaderInput.Q), T = run.Length;
        bool[] moved = [.. Enumerable.Range(first, 3 * H).Select(r => IsMoved(circuit, r, changes))];
        if (!moved.Contains(true))
            return;
        NamedBlock<Tensor> w = _model.Weights.Layers[l];
        Tensor x = _streams.SliceRows(0, 3 * H * T);
        for (int r = 0; r < 3 * H; r++)
            x.SliceRows(r * T, T).Upload(Stream(run.StreamPre[l], circuit, first + r, changes));
        Norm(x, w.Norm1Weight, w.Norm1Bias);
        Tensor qkv = _qkv.SliceRows(0, T), part = _part.SliceRows(0, T);
        for (int r = 0; r < 3 * H; r++)
        {
            int column = r % 3 * C + r / 3 * D;
            _model.Ops.CopyColumns(w.QkvWeight, _weight, column);
            _model.Ops.Copy(w.QkvBias.Slice("bias", column, D), _bias);
            _model.Ops.MatMul(x.SliceRows(r * T, T), _weight, _bias, part);
            _model.Ops.WriteColumns(part, qkv, column);
        }
        Tensor z = _z.SliceRows(0, T), result = _result.Slice("result", 0, T, H, C);
        _model.Ops.Attention(qkv, _length, z, _logSum.Slice("log sum", 0, 1, H, T), 1, T, H,
            _model.Config.ScoreScale(l));
        _model.Ops.HeadResults(z, w.ProjWeight, result, H);
        float[] results = result.ToArray();
        for (int h = 0; h < H; h++)
            if (moved.AsSpan(3 * h, 3).Contains(true))
                changes[_graph.HeadWriter(l, h)] = OfHead(results, h, run.Corrupted[_graph.HeadWriter(l, h)]);
    }

    float[] OfHead(float[] results, int head, float[] corrupted)
    {
        float[] change = new float[corrupted.Length];
        for (int t = 0; t < corrupted.Length / C; t++)
            TensorPrimitives.Subtract(results.AsSpan((t * H + head) * C, C), corrupted.AsSpan(t * C, C),
                change.AsSpan(t * C, C));
        return change;
    }

    void Mlp(int l, PairRun run, EdgeCircuit circuit, float[]?[] changes)
    {
        int reader = _graph.MlpReader(l), writer = _graph.MlpWriter(l), T = run.Length;
        if (!IsMoved(circuit, reader, changes))
            return;
        NamedBlock<Tensor> w = _model.Weights.Layers[l];
        Tensor x = _streams.SliceRows(0, T), inner = _inner.SliceRows(0, T), y = _out.SliceRows(0, T);
        x.Upload(Stream(run.StreamMid[l], circuit, reader, changes));
        Norm(x, w.Norm2Weight, w.Norm2Bias);
        _model.Ops.MatMulActivate(x, w.MlpInWeight, w.MlpInBias, inner, _model.Config.Activation);
        _model.Ops.MatMul(inner, w.MlpOutWeight, w.MlpOutBias, y);
        float[] change = y.ToArray();
        TensorPrimitives.Subtract(change, run.Corrupted[writer], change);
        changes[writer] = change;
    }

    float[] Logits(PairRun run, EdgeCircuit circuit, float[]?[] changes)
    {
        NamedWeights<Tensor> w = _model.Weights;
        float[] stream = Stream(run.StreamEnd, circuit, _graph.LogitsReader, changes);
        Tensor x = _streams.SliceRows(0, 1);
        x.Upload(stream.AsSpan(stream.Length - C));
        Norm(x, w.FinalNormWeight, w.FinalNormBias);
        _model.Ops.MatMulTransposed(x, w.Head, _logits);
        if (w.HeadBias is { } bias)
            _model.Ops.AddBias(_logits, bias, _logits);
        return _logits.ToArray();
    }

    void Norm(Tensor x, Tensor gain, Tensor shift) => _model.Ops.LayerNorm(x, gain, shift, x,
        _mean.Slice("mean", 0, x.Rows), _rstd.Slice("rstd", 0, x.Rows), _model.Config.LayerNormEpsilon);

    static bool IsMoved(EdgeCircuit circuit, int reader, float[]?[] changes)
        => circuit.Into(reader).Any(writer => changes[writer] is not null);

    // The corrupted stream with the changes that kept edges carry.
    static float[] Stream(float[] corrupted, EdgeCircuit circuit, int reader, float[]?[] changes)
    {
        float[] stream = [.. corrupted];
        foreach (int writer in circuit.Into(reader))
            if (changes[writer] is { } change)
                TensorPrimitives.Add(stream, change, stream);
        return stream;
    }
}
