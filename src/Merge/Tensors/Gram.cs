namespace HeadTap.Merge;

/// <summary>
/// The dot products of all pairs of models, or of all pairs of task vectors, in one pass. Methods that turn
/// tensors on a sphere need nothing else: what they write is a sum of the models by weights.
/// </summary>
static class Gram
{
    /// <summary>[models, models], in float64. Pieces are summed in their order, whatever thread took
    /// them.</summary>
    internal static double[,] Of(ParentTensor tensor, bool taskVectors)
    {
        int models = tensor.Models;
        long pieces = (tensor.Length + ParentTensor.PieceLength - 1) / ParentTensor.PieceLength;
        double[][] parts = new double[pieces][];
        Parts.Each(pieces, piece =>
        {
            long start = piece * ParentTensor.PieceLength;
            int n = (int)Math.Min(ParentTensor.PieceLength, tensor.Length - start);
            float[] values = new float[models * n];
            for (int m = 0; m < models; m++)
                if (taskVectors)
                    tensor.ReadTaskVector(m, start, values.AsSpan(m * n, n));
                else
                    tensor.Read(m, start, values.AsSpan(m * n, n));
            double[] part = parts[piece] = new double[models * models];
            for (int a = 0; a < models; a++)
                for (int b = a; b < models; b++)
                    part[a * models + b] = Dot(values.AsSpan(a * n, n), values.AsSpan(b * n, n));
        });
        double[,] sums = new double[models, models];
        foreach (double[] part in parts)
            for (int a = 0; a < models; a++)
                for (int b = a; b < models; b++)
                    sums[a, b] = sums[b, a] += part[a * models + b];
        return sums;
    }

    static double Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        double sum = 0;
        for (int i = 0; i < a.Length; i++)
            sum += (double)a[i] * b[i];
        return sum;
    }
}
