using HeadTap.Models;
using MathNet.Numerics.LinearAlgebra;

namespace HeadTap.Merge;

/// <summary>
/// Applies every symmetry of a decoder at random: another model to look at, the same logits. What alignment
/// must undo.
/// </summary>
public sealed class Scrambler
{
    // exp(+-1/2): maps of heads stretch by e at most from one axis to another, so float32 loses little.
    const double Stretch = 0.5;

    readonly SeededRandom _random;

    Scrambler(ulong seed) => _random = new SeededRandom(seed);

    /// <summary>The scrambled model; the given one stays as it is.</summary>
    /// <param name="weights">The model. Where its LayerNorms are folded, they stay folded.</param>
    /// <param name="seed">Seeds every draw.</param>
    /// <param name="stream">What happens to the stream; a rotation needs folded LayerNorms.</param>
    /// <exception cref="ArgumentException">A rotation of a model whose LayerNorms have gains or
    /// shifts.</exception>
    public static DecoderWeights Scrambled(
        DecoderWeights weights, ulong seed, StreamAlignment stream = StreamAlignment.Order)
    {
        ArgumentNullException.ThrowIfNull(weights);
        var scrambler = new Scrambler(seed);
        DecoderWeights scrambled = scrambler.Symmetry(weights.Config, stream).Of(weights);
        if (stream != StreamAlignment.Rotation)
            FreeParts.Copy(scrambler.Others(scrambled), scrambled);
        return scrambled;
    }

    /// <summary>A random permutation, map and axis of everything.</summary>
    internal static DecoderSymmetry Random(ModelConfig config, ulong seed, StreamAlignment stream)
        => new Scrambler(seed).Symmetry(config, stream);

    DecoderSymmetry Symmetry(ModelConfig config, StreamAlignment stream) => new(
        stream switch
        {
            StreamAlignment.Order => new StreamOrder(Order(config.Width)),
            StreamAlignment.Rotation => new StreamRotation(Rotated(config.Width)),
            _ => null,
        },
        [.. Enumerable.Range(0, config.Layers).Select(_ => new BlockSymmetry(Order(config.Inner),
            Order(config.Heads), Maps(config), Maps(config)))]);

    int[] Order(int n)
    {
        int[] order = [.. Enumerable.Range(0, n)];
        _random.Shuffle<int>(order);
        return order;
    }

    HeadMap[] Maps(ModelConfig config) => [.. Enumerable.Range(0, config.Heads).Select(_ =>
    {
        int D = config.HeadWidth;
        Vector<double> stretch = Vector<double>.Build.Dense(D,
            _ => Math.Exp(Stretch * (2 * _random.NextDouble() - 1)));
        Matrix<double> left = Orthogonal(D), right = Orthogonal(D);
        return new HeadMap(left * Matrix<double>.Build.DenseOfDiagonalVector(stretch) * right.Transpose(),
            right * Matrix<double>.Build.DenseOfDiagonalVector(1 / stretch) * left.Transpose());
    })];

    Matrix<double> Orthogonal(int n)
        => Matrix<double>.Build.Dense(n, n, (_, _) => _random.NextNormal()).QR().Q;

    // 1 stays 1: a random rotation of the rest, in a basis whose first axis is the mean.
    Matrix<double> Rotated(int n)
    {
        Matrix<double> basis = Matrix<double>.Build.Dense(n, n,
            (_, c) => c == 0 ? 1 : _random.NextNormal()).QR().Q;
        Matrix<double> inside = Matrix<double>.Build.DenseIdentity(n);
        inside.SetSubMatrix(1, 1, Orthogonal(n - 1));
        return basis * inside * basis.Transpose();
    }

    // A model of which only free parts are taken: gains of either sign within a factor of two of the old
    // ones, everything else at the size of the old.
    DecoderWeights Others(DecoderWeights weights)
    {
        DecoderWeights others = weights.Copy();
        foreach (ParameterSlice slice in weights.Layout.Slices)
        {
            double[] values = others[slice.Role, slice.Layer];
            int n = slice.Shape[^1];
            double size = 0.1 + Math.Sqrt(values.Sum(v => v * v) / values.Length);
            for (int i = 0; i < values.Length; i++)
                values[i] = slice.Role.IsNormGain()
                    ? values[i] * (0.5 + 1.5 * _random.NextDouble()) * (_random.Next(2) * 2 - 1)
                    // A row or a column has a mean of its own, else means would be near 0.
                    : size * (_random.NextNormal() + Math.Sin(i / n) + Math.Cos(i % n));
        }
        return others;
    }
}
