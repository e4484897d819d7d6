namespace HeadTap.Unlearn;

/// <summary>
/// Negative preference optimisation (Zhang et al. 2024, arXiv 2404.05868, equation 3): loss = -(2 / beta) E
/// log sigmoid(-beta log(pi / pi_ref)) over the rows of the forget set, with pi a row's probability and
/// pi_ref its probability under the original model. The gradient of a row fades as the row is forgotten.
/// </summary>
public sealed class NegativePreference : TrainingMethod
{
    /// <inheritdoc/>
    public override string Name => "npo";

    /// <inheritdoc/>
    public override string Title => "NPO";

    /// <inheritdoc/>
    public override string Paper => "arXiv 2404.05868, equation 3";

    /// <inheritdoc/>
    public override string Equation => "down -(2/beta) E log sigmoid(-beta log(pi / pi_ref)) on forget";

    /// <inheritdoc/>
    public override MethodFamily Family => MethodFamily.Gradient;

    /// <inheritdoc/>
    public override IReadOnlyList<MethodOption> Options => [.. base.Options, Beta];

    /// <summary>Inverse temperature beta, above 0: the higher, the sooner the ascent slows down.</summary>
    public static MethodOption Beta { get; } = MethodOption.Number(
        "Beta", 0.1, OptionRange.Positive, "beta: the higher, the sooner the ascent slows down");

    internal override StepLoss Loss(UnlearnTask task, RowTrainer trainer)
        => new PreferenceLoss(trainer, task.Forget, task.Options.Number(Beta));

    /// <summary>
    /// The mean loss over a batch's rows. With l a row's summed cross-entropy, log(pi / pi_ref) = l_ref - l,
    /// so dloss/dl = -2 sigmoid(beta (l_ref - l)).
    /// </summary>
    internal sealed class PreferenceLoss(RowTrainer trainer, IReadOnlyList<int[]> forget, double beta)
        : StepLoss
    {
        readonly double[] _reference = trainer.Passes.Sums(forget);

        internal override double Add(IReadOnlyList<int[]> rows, int[] batch)
        {
            int[][] taken = [.. batch.Select(b => rows[b])];
            double[] sums = trainer.Passes.Sums(taken), weights = new double[batch.Length];
            double loss = 0;
            for (int k = 0; k < batch.Length; k++)
            {
                double x = beta * (_reference[batch[k]] - sums[k]);
                // -log sigmoid(-x) = log(1 + e^x), without overflow
                loss += 2 / beta * (Math.Max(x, 0) + Math.Log(1 + Math.Exp(-Math.Abs(x)))) / batch.Length;
                weights[k] = -2 / (1 + Math.Exp(-x)) / batch.Length;
            }
            trainer.Passes.AddWeighed(taken, k => weights[k] * (taken[k].Length - 1));
            return loss;
        }
    }
}
