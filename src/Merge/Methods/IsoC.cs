using MathNet.Numerics.LinearAlgebra;

namespace HeadTap.Merge;

/// <summary>
/// Isotropic merging in the common subspace: the sum of task matrices with all singular values made equal
/// (Marczak et al. 2025, arXiv 2502.04959). What is no matrix of a layer is averaged.
/// </summary>
public sealed class IsoC : MergeMethod
{
    /// <inheritdoc/>
    public override string Name => "iso_c";

    /// <inheritdoc/>
    public override string Paper => "arXiv 2502.04959";

    /// <inheritdoc/>
    public override string Equation =>
        "theta_0 + lambda mean(s) U V^T, U diag(s) V^T = sum_i t_i; vectors and embeddings theta_0 + lambda "
        + "mean_i t_i";

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
        if (!tensor.IsLayerMatrix)
            return new TaskVectorSum(
                tensor, [.. Enumerable.Repeat(lambda / tensor.Models, tensor.Models)]);
        Matrix<double> sum = MatrixMerge.TaskVector(tensor, 0);
        for (int m = 1; m < tensor.Models; m++)
            sum += MatrixMerge.TaskVector(tensor, m);
        ThinSvd svd = ThinSvd.Of(sum);
        return MatrixMerge.Add(tensor, svd.Polar(), lambda * svd.S.Average());
    }
}
