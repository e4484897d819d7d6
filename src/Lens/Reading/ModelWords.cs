using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>Compares a lens with the model at one position.</summary>
/// <param name="Kl">KL(model || lens), nats.</param>
/// <param name="Entropy">Entropy of the lens' distribution, nats.</param>
/// <param name="Rank">Number of tokens that the lens finds more probable than the model's most probable
/// token; ties go to the lower id.</param>
readonly record struct LensAtPosition(double Kl, double Entropy, int Rank);

/// <summary>The model's distributions at a block of positions, in float64 on the host.</summary>
sealed class ModelWords
{
    readonly int _V;
    readonly double[] _p; // [n, V]
    readonly double[] _entropy; // [n]
    readonly int[] _first; // [n]: the most probable token

    /// <param name="logits">[n, V]: the model's logits.</param>
    /// <param name="V">Size of the vocabulary.</param>
    internal ModelWords(float[] logits, int V)
    {
        (_V, Count) = (V, logits.Length / V);
        (_p, _entropy, _first) = (new double[logits.Length], new double[Count], new int[Count]);
        Rows(i =>
        {
            ReadOnlySpan<float> row = logits.AsSpan(i * V, V);
            Span<double> p = _p.AsSpan(i * V, V);
            double logSum = LogSumExp.Of(row);
            for (int v = 0; v < V; v++)
            {
                p[v] = Math.Exp(row[v] - logSum);
                _entropy[i] -= p[v] > 0 ? p[v] * (row[v] - logSum) : p[v]; // 0 log 0 is 0; NaN stays NaN
                _first[i] = row[v] > row[_first[i]] ? v : _first[i];
            }
        });
    }

    /// <summary>Number of positions, n.</summary>
    internal int Count { get; }

    /// <summary>[n]: entropy of the model's distribution, nats.</summary>
    internal IReadOnlyList<double> Entropy => _entropy;

    /// <summary>Compares a lens' logits [n, V] with the model's distributions.</summary>
    internal LensAtPosition[] Against(float[] logits)
    {
        var found = new LensAtPosition[Count];
        Rows(i => found[i] = Against(i, logits.AsSpan(i * _V, _V)));
        return found;
    }

    /// <summary>Returns KL(model || q) at a position, nats, from log q [V].</summary>
    internal double KlFrom(int position, double[] logQ)
    {
        double cross = 0;
        for (int v = 0; v < _V; v++)
            cross -= _p[position * _V + v] * logQ[v];
        return cross - _entropy[position];
    }

    LensAtPosition Against(int i, ReadOnlySpan<float> row)
    {
        double logSum = LogSumExp.Of(row), cross = 0, entropy = 0;
        int first = _first[i], rank = 0;
        float own = row[first];
        ReadOnlySpan<double> p = _p.AsSpan(i * _V, _V);
        for (int v = 0; v < row.Length; v++)
        {
            double logQ = row[v] - logSum, q = Math.Exp(logQ);
            cross -= p[v] * logQ;
            entropy -= q * logQ;
            // NaN ranks before every number, although no comparison with it holds.
            rank += v < first ? (row[v] < own ? 0 : 1) : v == first || row[v] <= own ? 0 : 1;
        }
        // A value below 0 comes from the rounding of two sums; NaN stays NaN.
        return new(Math.Max(0, cross - _entropy[i]), entropy, rank);
    }

    void Rows(Action<int> row) => Parallel.For(0, Count,
        new ParallelOptions { MaxDegreeOfParallelism = ComputeDevice.HostThreadCount }, row);
}
