namespace HeadTap.Unlearn;

/// <summary>A rectangular block of a row-major weight matrix.</summary>
/// <param name="Parameter">Name of the matrix.</param>
/// <param name="Stride">Number of columns of the whole matrix.</param>
/// <param name="FirstRow">Index of the block's first row.</param>
/// <param name="FirstColumn">Index of the block's first column.</param>
/// <param name="Rows">Number of rows of the block.</param>
/// <param name="Columns">Number of columns of the block.</param>
sealed record MatrixPart(
    string Parameter, int Stride, int FirstRow, int FirstColumn, int Rows, int Columns)
{
    /// <summary>
    /// Makes one step of power iteration from v: u = W v / |W v|, v = W^T u / |W^T u|. Adds scale u v^T into
    /// dW.
    /// </summary>
    /// <param name="w">Values of the whole matrix.</param>
    /// <param name="v">Vector v [Columns], replaced by the next one; unchanged if W v is 0.</param>
    /// <param name="dW">Gradient of the whole matrix; added into.</param>
    /// <param name="scale">Factor of the gradient.</param>
    /// <returns>sigma = u^T W v; 0 if W v is 0.</returns>
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
