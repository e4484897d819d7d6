using MathNet.Numerics.LinearAlgebra;

namespace HeadTap.Merge;

/// <summary>
/// TSV-M: the leading singular vectors of every task matrix, made orthogonal to those of the others
/// (Gargiulo et al. 2024, "Task Singular Vectors", arXiv 2412.00081). What is no matrix of a layer is
/// averaged.
/// </summary>
public sealed class Tsv : MergeMethod
{
    /// <inheritdoc/>
    public override string Name => "tsv";

    /// <inheritdoc/>
    public override string Paper => "arXiv 2412.00081";

    /// <inheritdoc/>
    public override string Equation =>
        "theta_0 + lambda U' diag(s) V'^T, U' and V' the orthonormal matrices nearest to [U_1 ... U_n] and "
        + "[V_1 ... V_n], t_i = U_i diag(s_i) V_i^T cut to an n-th of the rank; vectors and embeddings "
        + "theta_0 + lambda mean_i t_i";

    /// <inheritdoc/>
    public override BaseUse Base => BaseUse.Required;

    /// <inheritdoc/>
    public override IReadOnlyList<MergeParameter> Parameters => [TaskVectors.Lambda];

    /// <inheritdoc/>
    public override ITensorMerge Open(ParentTensor tensor, TensorSettings settings)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        ArgumentNullException.ThrowIfNull(settings);
        double lambda = settings.Of(TaskVectors.Lambda);
        int models = tensor.Models;
        int rows = tensor.IsLayerMatrix ? tensor.Shape[0] : 0, columns = tensor.Columns;
        int kept = Math.Min(rows, columns) / models;
        if (kept == 0) // no matrix, or more models than its rank
            return new TaskVectorSum(tensor, [.. Enumerable.Repeat(lambda / models, models)]);
        Matrix<double> u = Matrix<double>.Build.Dense(rows, kept * models);
        Matrix<double> vt = Matrix<double>.Build.Dense(kept * models, columns);
        Vector<double> s = Vector<double>.Build.Dense(kept * models);
        for (int m = 0; m < models; m++)
        {
            ThinSvd svd = ThinSvd.Of(MatrixMerge.TaskVector(tensor, m));
            u.SetSubMatrix(0, m * kept, svd.U.SubMatrix(0, rows, 0, kept));
            vt.SetSubMatrix(m * kept, 0, svd.Vt.SubMatrix(0, kept, 0, columns));
            s.SetSubVector(m * kept, kept, svd.S.SubVector(0, kept));
        }
        Matrix<double> left = ThinSvd.Of(u).Polar(), right = ThinSvd.Of(vt).Polar();
        return MatrixMerge.Add(tensor, left.MapIndexed((_, c, value) => value * s[c]) * right, lambda);
    }
}
