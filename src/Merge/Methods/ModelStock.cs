using HeadTap.Runtime;

namespace HeadTap.Merge;

/// <summary>
/// Model Stock: between the base and the models' mean, by the angle between their task vectors (Jang et al.
/// 2024, arXiv 2403.19522, equation 3).
/// </summary>
public sealed class ModelStock : MergeMethod
{
    /// <inheritdoc/>
    public override string Name => "model_stock";

    /// <inheritdoc/>
    public override string Paper => "arXiv 2403.19522";

    /// <inheritdoc/>
    public override string Equation =>
        "r mean_i theta_i + (1 - r) theta_0, r = n cos / (1 + (n - 1) cos), cos the mean over pairs of t_i";

    /// <inheritdoc/>
    public override BaseUse Base => BaseUse.Required;

    /// <inheritdoc/>
    public override int FewestModels => 2;

    /// <inheritdoc/>
    public override IReadOnlyList<MergeParameter> Parameters => [];

    /// <inheritdoc/>
    /// <exception cref="UserException">The task vectors point so far apart that the ratio has no
    /// value.</exception>
    public override ITensorMerge Open(ParentTensor tensor, TensorSettings settings)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        ArgumentNullException.ThrowIfNull(settings);
        int models = tensor.Models;
        double ratio = Ratio(Gram.Of(tensor, taskVectors: true), tensor.Name);
        return new TaskVectorSum(tensor, [.. Enumerable.Repeat(ratio / models, models)]);
    }

    internal static double Ratio(double[,] gram, string tensor)
    {
        int models = gram.GetLength(0);
        double sum = 0;
        for (int a = 0; a < models; a++)
            for (int b = a + 1; b < models; b++)
            {
                double lengths = Math.Sqrt(gram[a, a] * gram[b, b]);
                sum += lengths > 0 ? gram[a, b] / lengths : 0; // an unchanged tensor has no direction
            }
        double cosine = sum / (models * (models - 1) / 2), divisor = 1 + (models - 1) * cosine;
        return Math.Abs(divisor) > 1e-6 ? models * cosine / divisor : throw new UserException(
            $"{tensor}: the models' changes cancel each other (mean cosine {cosine:0.000}); model_stock has "
            + "no ratio for them");
    }
}
