using System.Numerics;

namespace HeadTap.Reference;

/// <summary>What a lens looks at, at n positions of one layer, and the model's part in it.</summary>
/// <param name="Z">[n, C]: what attention writes, heads side by side.</param>
/// <param name="Before">[n, C]: the stream before the layer.</param>
/// <param name="After">[n, C]: the stream after the layer's attention.</param>
/// <param name="Projection">W_O [C, C], inputs first.</param>
/// <param name="ProjectionBias">b_O [C].</param>
/// <param name="Gain">ln_f.weight [C].</param>
/// <param name="Shift">ln_f.bias [C].</param>
/// <param name="Unembedding">The model's head [V, C].</param>
/// <param name="UnembeddingBias">[V]; zeros where it has none.</param>
public sealed record LensSight<T>(T[] Z, T[] Before, T[] After, T[] Projection, T[] ProjectionBias,
    T[] Gain, T[] Shift, T[] Unembedding, T[] UnembeddingBias);

/// <summary>
/// The lenses of one layer as their equations write them, with everything spelled out and held: a map for
/// each head and token, a row for each position. The bias is the sum over heads.
/// </summary>
/// <param name="Kind">head, thin, low-rank, shared, residual, tuned or logit.</param>
/// <param name="H">Heads.</param>
/// <param name="Epsilon">Of the final LayerNorm.</param>
public sealed record LensReference(string Kind, int H, double Epsilon)
{
    /// <summary>[n, V]</summary>
    /// <param name="lens">The learned tensors as they stand in a lens file; of a logit lens W_U transposed
    /// and b_U.</param>
    public T[] Logits<T>(LensSight<T> at, IReadOnlyDictionary<string, T[]> lens)
        where T : IFloatingPointIeee754<T>
    {
        (T[] x, T[] weight, T[] bias) = Mapped(at, lens);
        int V = bias.Length, K = weight.Length / V, n = x.Length / K;
        T[] logits = MatMulReference.Transposed(x, weight, n, K, V);
        for (int i = 0; i < logits.Length; i++)
            logits[i] += bias[i % V];
        return logits;
    }

    /// <summary>[n]: KL(softmax(target) || softmax(logits)).</summary>
    public T[] Losses<T>(LensSight<T> at, IReadOnlyDictionary<string, T[]> lens, T[] target)
        where T : IFloatingPointIeee754<T>
    {
        T[] logits = Logits(at, lens);
        return KlDivergenceReference.Forward(target, logits, Rows(at));
    }

    /// <summary>Gradients of <paramref name="scale"/> times the sum of the losses, named as the learned
    /// tensors.</summary>
    public Dictionary<string, T[]> Gradients<T>(
        LensSight<T> at, IReadOnlyDictionary<string, T[]> lens, T[] target, double scale)
        where T : IFloatingPointIeee754<T>
    {
        (T[] x, T[] weight, T[] bias) = Mapped(at, lens);
        int V = bias.Length, n = Rows(at), K = x.Length / n;
        T[] dLogits = KlDivergenceReference.Backward(target, Logits(at, lens), n, scale);
        T[] dBias = new T[V], dWeight = new T[V * K];
        for (int r = 0; r < n; r++)
            for (int v = 0; v < V; v++)
            {
                dBias[v] += dLogits[r * V + v];
                for (int k = 0; k < K; k++)
                    dWeight[v * K + k] += dLogits[r * V + v] * x[r * K + k];
            }
        T[] DX() => MatMulReference.MatMul(dLogits, weight, null, n, V, K);
        return Kind switch
        {
            "logit" => [],
            "tuned" => Tuned(at, lens, DX()),
            "low-rank" => new() { ["weight"] = dWeight, ["bias"] = dBias, ["down"] = Down(at, DX(), K / H) },
            _ => new() { ["weight"] = dWeight, ["bias"] = dBias },
        };
    }

    /// <summary>[n, H, C]: r_h = z_h W_O,h.</summary>
    public T[] Results<T>(LensSight<T> at) where T : IFloatingPointIeee754<T>
    {
        int C = at.Gain.Length;
        return new HeadResultsReference(Rows(at), H, C / H).Forward(at.Z, at.Projection);
    }

    /// <summary>[n, C]: what the stream is once the heads have written, before + sum_h r_h + b_O.</summary>
    public T[] StreamAfter<T>(LensSight<T> at) where T : IFloatingPointIeee754<T>
    {
        T[] after = new HeadResultsReference(Rows(at), H, at.Gain.Length / H)
            .Sum(Results(at), at.ProjectionBias);
        for (int i = 0; i < after.Length; i++)
            after[i] += at.Before[i];
        return after;
    }

    /// <summary>[n, V]: the model's own words for a stream, its final LayerNorm and head.</summary>
    public T[] ModelLogits<T>(LensSight<T> at, T[] stream) where T : IFloatingPointIeee754<T>
    {
        int C = at.Gain.Length, V = at.UnembeddingBias.Length, n = stream.Length / C;
        T[] normalized = LayerNormReference.Forward(stream, at.Gain, at.Shift, n, Epsilon).Y;
        T[] logits = MatMulReference.Transposed(normalized, at.Unembedding, n, C, V);
        for (int i = 0; i < logits.Length; i++)
            logits[i] += at.UnembeddingBias[i % V];
        return logits;
    }

    static int Rows<T>(LensSight<T> at) => at.Z.Length / at.Gain.Length;

    // logits = x W^T + b, whatever the kind.
    (T[] X, T[] Weight, T[] Bias) Mapped<T>(LensSight<T> at, IReadOnlyDictionary<string, T[]> lens)
        where T : IFloatingPointIeee754<T>
        => Kind switch
        {
            "head" => (Results(at), lens["weight"], lens["bias"]),
            "thin" => (at.Z, lens["weight"], lens["bias"]),
            "low-rank" => (Narrowed(at, lens["down"]), lens["weight"], lens["bias"]),
            "shared" or "logit" => (SumOfResults(at), lens["weight"], lens["bias"]),
            "residual" => (Normalized(at), lens["weight"], lens["bias"]),
            "tuned" => (LayerNormReference.Forward(
                Moved(at, lens), at.Gain, at.Shift, Rows(at), Epsilon).Y, at.Unembedding, at.UnembeddingBias),
            _ => throw new ArgumentException(Kind),
        };

    T[] SumOfResults<T>(LensSight<T> at) where T : IFloatingPointIeee754<T>
        => new HeadResultsReference(Rows(at), H, at.Gain.Length / H)
            .Sum(Results(at), new T[at.Gain.Length]);

    // y_h = r_h U_h, [n, H, r]
    T[] Narrowed<T>(LensSight<T> at, T[] down) where T : IFloatingPointIeee754<T>
    {
        int C = at.Gain.Length, n = Rows(at), rank = down.Length / (H * C);
        T[] results = Results(at), y = new T[n * H * rank];
        Visit(n, C, rank, (i, h, c, k) =>
            y[(i * H + h) * rank + k] += results[(i * H + h) * C + c] * down[(h * C + c) * rank + k]);
        return y;
    }

    T[] Down<T>(LensSight<T> at, T[] dY, int rank) where T : IFloatingPointIeee754<T>
    {
        int C = at.Gain.Length, n = Rows(at);
        T[] results = Results(at), dDown = new T[H * C * rank];
        Visit(n, C, rank, (i, h, c, k) => dDown[(h * C + c) * rank + k] +=
            results[(i * H + h) * C + c] * dY[(i * H + h) * rank + k]);
        return dDown;
    }

    void Visit(int n, int C, int rank, Action<int, int, int, int> term)
    {
        for (int i = 0; i < n; i++)
            for (int h = 0; h < H; h++)
                for (int c = 0; c < C; c++)
                    for (int k = 0; k < rank; k++)
                        term(i, h, c, k);
    }

    // [(before + b_O) / s, z / s], s = sqrt(var(after) + eps)
    T[] Normalized<T>(LensSight<T> at) where T : IFloatingPointIeee754<T>
    {
        int C = at.Gain.Length, n = Rows(at);
        T[] rstd = LayerNormReference.Forward(at.After, at.Gain, at.Shift, n, Epsilon).Rstd;
        T[] x = new T[n * 2 * C];
        for (int i = 0; i < n; i++)
            for (int c = 0; c < C; c++)
            {
                x[i * 2 * C + c] = (at.Before[i * C + c] + at.ProjectionBias[c]) * rstd[i];
                x[i * 2 * C + C + c] = at.Z[i * C + c] * rstd[i];
            }
        return x;
    }

    // x + W x + b, W with a row for each output
    static T[] Moved<T>(LensSight<T> at, IReadOnlyDictionary<string, T[]> lens)
        where T : IFloatingPointIeee754<T>
    {
        int C = at.Gain.Length;
        T[] moved = MatMulReference.Transposed(at.Before, lens["weight"], Rows(at), C, C);
        for (int i = 0; i < moved.Length; i++)
            moved[i] += at.Before[i] + lens["bias"][i % C];
        return moved;
    }

    Dictionary<string, T[]> Tuned<T>(LensSight<T> at, IReadOnlyDictionary<string, T[]> lens, T[] dX)
        where T : IFloatingPointIeee754<T>
    {
        int C = at.Gain.Length, n = Rows(at);
        T[] moved = Moved(at, lens), dWeight = new T[C * C], dBias = new T[C];
        (_, T[] mean, T[] rstd) = LayerNormReference.Forward(moved, at.Gain, at.Shift, n, Epsilon);
        T[] dMoved = LayerNormReference.Backward(moved, at.Gain, mean, rstd, dX).DX;
        for (int i = 0; i < n; i++)
            for (int o = 0; o < C; o++)
            {
                dBias[o] += dMoved[i * C + o];
                for (int c = 0; c < C; c++)
                    dWeight[o * C + c] += dMoved[i * C + o] * at.Before[i * C + c];
            }
        return new() { ["weight"] = dWeight, ["bias"] = dBias };
    }
}
