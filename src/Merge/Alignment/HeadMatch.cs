using HeadTap.Runtime;
using MathNet.Numerics.LinearAlgebra;

namespace HeadTap.Merge;

/// <summary>How well one head's inside can be rotated onto another's.</summary>
/// <param name="QueryKey">Best rotation of the balanced factors of queries and keys.</param>
/// <param name="ValueOutput">Best rotation of those of values and outputs.</param>
/// <param name="Value">What the two add to the similarity of the models.</param>
sealed record HeadFit(Matrix<double> QueryKey, Matrix<double> ValueOutput, double Value);

/// <summary>Which head goes where, and how its inside is turned.</summary>
/// <param name="Order">[H]: head h of the result is this one of B.</param>
/// <param name="Fits">[H], of the result's heads.</param>
sealed record HeadMatch(int[] Order, HeadFit[] Fits)
{
    /// <summary>The assignment with the largest sum of values, given each pair's fit [A's, B's].</summary>
    internal static HeadMatch Best(HeadFit[,] pairs)
    {
        int H = pairs.GetLength(0);
        double[] values = new double[H * H];
        for (int i = 0; i < values.Length; i++)
            values[i] = pairs[i / H, i % H].Value;
        int[] order = Assignment.Largest(values, H);
        return new HeadMatch(order, [.. order.Select((b, a) => pairs[a, b])]);
    }

    /// <summary>Each pair's fit by the weights of two blocks: of a pair, the value is what the best maps make
    /// of it, so maps inside the heads do not change it.</summary>
    internal static HeadMatch Of(ComparedBlock a, ComparedBlock b)
    {
        int H = a.QueryKey.Length;
        var pairs = new HeadFit[H, H];
        HostParallel.For(H * H, pair =>
        {
            (int i, int j) = (pair / H, pair % H);
            (Matrix<double> qk, double first) = Fit(a.QueryKey[i], b.QueryKey[j]);
            (Matrix<double> vo, double second) = Fit(a.ValueOutput[i], b.ValueOutput[j]);
            pairs[i, j] = new HeadFit(qk, vo, first + second);
        });
        return Best(pairs);
    }

    static (Matrix<double> Q, double Value) Fit(HeadFactors a, HeadFactors b)
        => Rotation.Nearest(b.Left.TransposeAndMultiply(a.Left) + b.Right.TransposeAndMultiply(a.Right));

    /// <summary>The maps that go with it, of the factors of two blocks.</summary>
    internal BlockSymmetry With(int[] neurons, ComparedBlock a, ComparedBlock b) => new(neurons, Order,
        [.. Fits.Select((fit, h) => a.QueryKey[h].MapOf(b.QueryKey[Order[h]], fit.QueryKey))],
        [.. Fits.Select((fit, h) => a.ValueOutput[h].MapOf(b.ValueOutput[Order[h]], fit.ValueOutput))]);
}
