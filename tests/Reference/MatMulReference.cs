using System.Numerics;

namespace HeadTap.Reference;

/// <summary>
/// The matrix product in the three forms a linear layer needs, as the textbook writes them, for any
/// floating-point type: double is the oracle, float the yardstick.
/// </summary>
public static class MatMulReference
{
    /// <summary>x[rows, K] @ weight[K, N] + bias[N].</summary>
    public static T[] MatMul<T>(T[] x, T[] weight, T[]? bias, int rows, int K, int N)
        where T : IFloatingPointIeee754<T>
    {
        T[] y = new T[rows * N];
        for (int r = 0; r < rows; r++)
            for (int n = 0; n < N; n++)
            {
                T sum = T.Zero;
                for (int k = 0; k < K; k++)
                    sum += x[r * K + k] * weight[k * N + n];
                y[r * N + n] = bias is null ? sum : sum + bias[n];
            }
        return y;
    }

    /// <summary>x[rows, K] @ weight[N, K]^T.</summary>
    public static T[] Transposed<T>(T[] x, T[] weight, int rows, int K, int N)
        where T : IFloatingPointIeee754<T>
    {
        T[] y = new T[rows * N];
        for (int r = 0; r < rows; r++)
            for (int n = 0; n < N; n++)
                for (int k = 0; k < K; k++)
                    y[r * N + n] += x[r * K + k] * weight[n * K + k];
        return y;
    }

    /// <summary>
    /// The gradients of <see cref="MatMul"/>: dX = dY @ weight^T, dWeight = x^T @ dY, dBias = sum of rows.
    /// </summary>
    public static (T[] DX, T[] DWeight, T[] DBias) Backward<T>(T[] x, T[] weight,
        T[] dY, int rows, int K, int N)
        where T : IFloatingPointIeee754<T>
    {
        (T[] dWeight, T[] dBias) = (new T[K * N], new T[N]);
        for (int r = 0; r < rows; r++)
            for (int n = 0; n < N; n++)
            {
                dBias[n] += dY[r * N + n];
                for (int k = 0; k < K; k++)
                    dWeight[k * N + n] += x[r * K + k] * dY[r * N + n];
            }
        return (Transposed(dY, weight, rows, N, K), dWeight, dBias);
    }
}
