using System.Numerics;
using System.Runtime.InteropServices;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Circuits;

/// <summary>The [D, D] matrices that composition scores are made of.</summary>
sealed class CompositionCores : IDisposable
{
    readonly LanguageModel _model;
    readonly TensorArena _arena;
    readonly Tensor _reads, _products;
    readonly float[][] _folded; // [L][C, 3C]
    readonly double[][,][] _grams; // [L][H, 4][D, D]: W_Qᵀ W_Q, W_Kᵀ W_K, W_Vᵀ W_V, W_O W_Oᵀ
    readonly int _C, _H, _D;

    internal CompositionCores(LanguageModel model, bool foldNorm)
    {
        _model = model;
        (_C, _H, _D) = (model.Config.Width, model.Config.Heads, model.Config.HeadWidth);
        _folded = [.. model.Weights.Layers.Select(block => Fold(block, foldNorm))];
        _grams = [.. model.Weights.Layers.Select(
            (block, l) => Grams(_folded[l], block.ProjWeight.ToArray()))];
        _arena = new TensorArena(model.Device, 6L * _C * _C + 128, "composition of heads");
        _reads = _arena.Cut("what a layer reads", _C, 3 * _C);
        _products = _arena.Cut("what it reads of another's output", _C, 3 * _C);
    }

    /// <summary>Scores all pairs of heads of two layers.</summary>
    /// <param name="from">The layer that writes.</param>
    /// <param name="to">The layer that reads.</param>
    /// <param name="found">Called with kind, writing head, reading head and score, on several
    /// threads.</param>
    internal void Pairs(int from, int to, Action<CompositionKind, int, int, double> found)
    {
        _reads.Upload(_folded[to]);
        _model.Ops.MatMul(_model.Weights.Layers[from].ProjWeight, _reads, null, _products);
        float[] cores = _products.ToArray(); // [H D, 3 H D]
        Parallel.For(0, _H, new ParallelOptions { MaxDegreeOfParallelism = ComputeDevice.HostThreadCount },
            h =>
            {
                double[] core = new double[_D * _D], left = new double[_D * _D], right = new double[_D * _D];
                double[] value = Gram(from, h, Part.V);
                double written = Math.Sqrt(Trace(value, Gram(from, h, Part.O)));
                for (int g = 0; g < _H; g++)
                    for (Part part = Part.Q; part <= Part.V; part++)
                    {
                        Part other = part switch { Part.Q => Part.K, Part.K => Part.Q, _ => Part.O };
                        Take(cores, h, (int)part * _C + g * _D, core);
                        Multiply(value, core, left);
                        Multiply(core, Gram(to, g, other), right);
                        double read = Math.Sqrt(Trace(Gram(to, g, part), Gram(to, g, other)));
                        found((CompositionKind)part, h, g,
                            Math.Sqrt(Math.Max(0, Trace(left, right))) / (written * read));
                    }
            });
    }

    /// <inheritdoc/>
    public void Dispose() => _arena.Dispose();

    enum Part
    {
        Q, K, V, O,
    }

    double[] Gram(int layer, int head, Part part) => _grams[layer][head, (int)part];

    // (I - 1 1ᵀ / C) diag(gain) W, [C, 3C]
    float[] Fold(NamedBlock<Tensor> block, bool foldNorm)
    {
        float[] weight = block.QkvWeight.ToArray();
        if (!foldNorm)
            return weight;
        float[] gain = block.Norm1Weight.ToArray();
        for (int column = 0; column < 3 * _C; column++)
        {
            double mean = 0;
            for (int c = 0; c < _C; c++)
                mean += (double)gain[c] * weight[c * 3 * _C + column];
            mean /= _C;
            for (int c = 0; c < _C; c++)
                weight[c * 3 * _C + column] = (float)((double)gain[c] * weight[c * 3 * _C + column] - mean);
        }
        return weight;
    }

    double[,][] Grams(float[] reads, float[] projection)
    {
        var grams = new double[_H, 4][];
        Parallel.For(0, _H, new ParallelOptions { MaxDegreeOfParallelism = ComputeDevice.HostThreadCount },
            h =>
            {
                for (int part = 0; part < 3; part++)
                {
                    double[] gram = grams[h, part] = new double[_D * _D];
                    for (int c = 0; c < _C; c++)
                        AddOuter(reads.AsSpan(c * 3 * _C + part * _C + h * _D, _D), gram);
                }
                grams[h, 3] = new double[_D * _D];
                double[] column = new double[_D];
                for (int c = 0; c < _C; c++)
                {
                    for (int d = 0; d < _D; d++)
                        column[d] = projection[(h * _D + d) * _C + c];
                    AddOuter(column, grams[h, 3]);
                }
            });
        return grams;
    }

    void AddOuter(ReadOnlySpan<float> row, double[] gram)
    {
        double[] wide = new double[row.Length];
        for (int d = 0; d < row.Length; d++)
            wide[d] = row[d];
        AddOuter(wide, gram);
    }

    void AddOuter(double[] row, double[] gram)
    {
        for (int i = 0; i < _D; i++)
            AddScaled(row[i], row, gram.AsSpan(i * _D, _D));
    }

    void Take(float[] cores, int head, int column, double[] core)
    {
        for (int i = 0; i < _D; i++)
            for (int j = 0; j < _D; j++)
                core[i * _D + j] = cores[(head * _D + i) * 3 * _C + column + j];
    }

    void Multiply(double[] a, double[] b, double[] product)
    {
        Array.Clear(product);
        for (int i = 0; i < _D; i++)
            for (int k = 0; k < _D; k++)
                AddScaled(a[i * _D + k], b.AsSpan(k * _D, _D), product.AsSpan(i * _D, _D));
    }

    // sum_ij a_ij b_ij, which is tr(a bᵀ).
    static double Trace(double[] a, double[] b)
    {
        double sum = 0;
        for (int i = 0; i < a.Length; i++)
            sum += a[i] * b[i];
        return sum;
    }

    // Each number is a product and a sum of its own, so the width of the vectors changes no bit.
    static void AddScaled(double factor, ReadOnlySpan<double> x, Span<double> y)
    {
        ReadOnlySpan<Vector<double>> xs = MemoryMarshal.Cast<double, Vector<double>>(x);
        Span<Vector<double>> ys = MemoryMarshal.Cast<double, Vector<double>>(y);
        for (int i = 0; i < ys.Length; i++)
            ys[i] += xs[i] * factor;
        for (int i = ys.Length * Vector<double>.Count; i < y.Length; i++)
            y[i] += x[i] * factor;
    }
}
