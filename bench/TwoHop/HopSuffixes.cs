using HeadTap.Inject;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.TwoHop;

/// <summary>
/// Runs of one two-hop prompt in which the stream differs from some position on: only these tokens run again,
/// as rows of one pass.
/// </summary>
sealed class HopSuffixes : IDisposable
{
    const int RowsInPass = 64;

    readonly LanguageModel _model;
    readonly ModelSession _whole;
    readonly SuffixSession _rest;
    readonly int _width;
    HopPart _part = null!;
    int _pair;

    internal HopSuffixes(LanguageModel model, params HopPart[] parts)
    {
        (_model, _width) = (model, model.Config.Width);
        int longest = parts.Max(p => EncodedPair.LongestPrompt(p.Pairs));
        _whole = new ModelSession(model, new SessionOptions
        {
            MaxTokens = longest, Logits = LogitsAt.None,
            Record = [.. Enumerable.Range(0, model.Config.Layers)
                .SelectMany(l => (Site[])[Site.K(l), Site.V(l)])],
        });
        _rest = new SuffixSession(model, longest, RowsInPass, RowsInPass * longest);
    }

    /// <summary>Takes a prompt.</summary>
    internal void Begin(HopPart part, int pair)
    {
        (_part, _pair) = (part, pair);
        _whole.Forward(new SequenceBatch([part.Pairs[pair].Obscure]));
        _rest.Begin(_whole.Recordings);
    }

    /// <summary>The answer with vectors added to what attention of a layer writes.</summary>
    /// <param name="layer">The layer, from 0.</param>
    /// <param name="positions">Where, ascending.</param>
    /// <param name="added">[B] of [C].</param>
    internal AnswerStanding[] Adding(int layer, int[] positions, IReadOnlyList<float[]> added)
    {
        float[] middle = _part.Middle[_pair][layer];
        return Each(added, positions[0], layer + 1, some => Behind(layer, [.. some.SelectMany(vector =>
        {
            float[] rows = middle[(positions[0] * _width)..];
            foreach (int position in positions)
                for (int c = 0; c < _width; c++)
                    rows[(position - positions[0]) * _width + c] += vector[c];
            return rows;
        })]));
    }

    /// <summary>The answer with other numbers in the stream before a layer.</summary>
    /// <param name="layer">The layer, from 0.</param>
    /// <param name="positions">Where, ascending.</param>
    /// <param name="states">[B] of [positions] of [C].</param>
    internal AnswerStanding[] Replacing(int layer, int[] positions, IReadOnlyList<float[][]> states)
    {
        float[] stream = _part.Streams[_pair][layer];
        return Each(states, positions[0], layer, some => [.. some.SelectMany(state =>
        {
            float[] rows = stream[(positions[0] * _width)..];
            for (int p = 0; p < positions.Length; p++)
                state[p].CopyTo(rows, (positions[p] - positions[0]) * _width);
            return rows;
        })]);
    }

    public void Dispose()
    {
        _whole.Dispose();
        _rest.Dispose();
    }

    AnswerStanding[] Each<T>(IReadOnlyList<T> rows, int start, int layer, Func<T[], float[]> streams)
    {
        int V = _model.Config.VocabSize, answer = _part.Pairs[_pair].Answer;
        var found = new List<AnswerStanding>();
        foreach (T[] some in rows.Chunk(RowsInPass))
        {
            float[] into = streams(some);
            float[] logits = layer == _model.Config.Layers ? End(into, some.Length)
                : _rest.Logits(layer, [.. Enumerable.Repeat(start, some.Length)], into);
            for (int b = 0; b < some.Length; b++)
                found.Add(AnswerStanding.Of(logits.AsSpan(b * V, V), answer, 0));
        }
        return [.. found];
    }

    // [n, C]: the stream behind the block of these streams after its attention.
    float[] Behind(int layer, float[] middle)
    {
        NamedBlock<Tensor> w = _model.Weights.Layers[layer];
        int n = middle.Length / _width, inner = w.MlpInBias.Columns;
        using var arena = new TensorArena(_model.Device, TensorArena.Measure(_model.Device, a =>
        {
            foreach (int columns in (int[])[_width, _width, 1, 1, inner, _width])
                a.Cut("row", n, columns);
        }), "feed-forward of suffixes");
        Tensor x = arena.Upload("x", middle, n, _width), y = arena.Cut("y", n, _width);
        Tensor mean = arena.Cut("mean", n, 1), scale = arena.Cut("scale", n, 1);
        Tensor post = arena.Cut("post", n, inner), sum = arena.Cut("sum", n, _width);
        _model.Ops.LayerNorm(
            x, w.Norm2Weight, w.Norm2Bias, y, mean, scale, _model.Config.LayerNormEpsilon);
        _model.Ops.MatMulActivate(y, w.MlpInWeight, w.MlpInBias, post, _model.Config.Activation);
        _model.Ops.MatMulAdd(post, w.MlpOutWeight, w.MlpOutBias, x, sum);
        return sum.ToArray();
    }

    // [B, V]: logits of the last token of every suffix.
    float[] End(float[] streams, int rows)
    {
        int V = _model.Config.VocabSize, T = streams.Length / rows;
        float[] last = [.. Enumerable.Range(1, rows).SelectMany(b => streams[(b * T - _width)..(b * T)])];
        using var arena = new TensorArena(_model.Device, TensorArena.Measure(_model.Device, a =>
        {
            foreach (int columns in (int[])[_width, _width, 1, 1, V])
                a.Cut("row", rows, columns);
        }), "logits of suffixes");
        Tensor x = arena.Upload("x", last, rows, _width), y = arena.Cut("y", rows, _width);
        Tensor mean = arena.Cut("mean", rows, 1), scale = arena.Cut("scale", rows, 1);
        Tensor logits = arena.Cut("logits", rows, V);
        _model.Ops.LayerNorm(x, _model.Weights.FinalNormWeight, _model.Weights.FinalNormBias, y, mean, scale,
            _model.Config.LayerNormEpsilon);
        _model.Ops.MatMulTransposed(y, _model.Weights.Head, logits);
        if (_model.Weights.HeadBias is { } bias)
            _model.Ops.AddBias(logits, bias, logits);
        return logits.ToArray();
    }
}
