using MathNet.Numerics.LinearAlgebra;

namespace HeadTap.Merge;

/// <summary>The base plus a matrix that a method made of whole task vectors, as long as it is held.</summary>
sealed class MatrixMerge : ITensorMerge
{
    readonly ParentTensor _tensor;
    readonly float[] _change;

    MatrixMerge(ParentTensor tensor, float[] change) => (_tensor, _change) = (tensor, change);

    /// <summary><c>theta_0 + scale * change</c>.</summary>
    internal static MatrixMerge Add(ParentTensor tensor, Matrix<double> change, double scale)
    {
        int columns = tensor.Columns;
        float[] flat = new float[tensor.Length];
        for (int i = 0; i < flat.Length; i++)
            flat[i] = (float)(scale * change[i / columns, i % columns]);
        return new(tensor, flat);
    }

    /// <summary>A model's task vector as a matrix.</summary>
    internal static Matrix<double> TaskVector(ParentTensor tensor, int model)
    {
        float[] vector = new float[tensor.Length];
        tensor.ReadTaskVector(model, 0, vector);
        return Of(tensor, vector);
    }

    /// <summary>A tensor's numbers as a matrix.</summary>
    internal static Matrix<double> Of(ParentTensor tensor, float[] values)
        => Matrix<double>.Build.Dense(tensor.Shape[0], tensor.Columns,
            (r, c) => values[r * tensor.Columns + c]);

    public void Write(long start, Span<float> to)
    {
        _tensor.ReadBase(start, to);
        for (int i = 0; i < to.Length; i++)
            if (_change[start + i] is var change && change != 0)
                to[i] += change;
    }
}
