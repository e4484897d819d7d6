namespace HeadTap.Unlearn;

/// <summary>A block of a weight matrix, row-major.</summary>
/// <param name="Parameter">The matrix.</param>
/// <param name="Stride">Columns of the whole matrix.</param>
/// <param name="FirstRow">Of the block.</param>
/// <param name="FirstColumn">Of the block.</param>
/// <param name="Rows">Of the block.</param>
/// <param name="Columns">Of the block.</param>
sealed record MatrixPart(
    string Parameter, int Stride, int FirstRow, int FirstColumn, int Rows, int Columns)
{
    /// <summary>
    /// One step of power iteration from v: u = W v / |W v|, v = W^T u / |W^T u|. Adds scale u v^T into dW.
    /// </summary>
    /// <param name="w">The whole matrix.</param>
    /// <param name="v">[Columns]; the next one on return. It stays as it is where W v is 0.</param>
    /// <param name="dW">The whole matrix' gradient.</param>
    /// <param name="scale">Of what is added.</param>
    /// <returns>sigma = u^T W v, 0 where W v is 0.</returns>
    internal double AddSigma(float[] w, Span<float> v, float[] dW, double scale)
    {
        double[] u = new double[Rows], next = new double[Columns];
        for (int r = 0; r < Rows; r++)
        {
            ReadOnlySpan<float> row = Row(w, r);
            for (int c = 0; c < row.Length; c++)
                u[r] += (double)row[c] * v[c];
        }
        if (!Normalise(u))
            return 0;
        for (int r = 0; r < Rows; r++)
        {
            ReadOnlySpan<float> row = Row(w, r);
            for (int c = 0; c < row.Length; c++)
                next[c] += u[r] * row[c];
        }
        double sigma = Math.Sqrt(next.Sum(x => x * x)); // u^T W v with v = W^T u / |W^T u|
        if (!Normalise(next))
            return 0;
        for (int r = 0; r < Rows; r++)
        {
            Span<float> row = Row(dW, r);
            for (int c = 0; c < row.Length; c++)
                row[c] += (float)(scale * u[r] * next[c]);
        }
        for (int c = 0; c < next.Length; c++)
            v[c] = (float)next[c];
        return sigma;
    }

    Span<float> Row(float[] matrix, int row)
        => matrix.AsSpan((FirstRow + row) * Stride + FirstColumn, Columns);

    static bool Normalise(double[] vector)
    {
        double norm = Math.Sqrt(vector.Sum(x => x * x));
        for (int i = 0; i < vector.Length; i++)
            vector[i] /= norm;
        return norm > 0;
    }
}
