using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>
/// BalancedSubnet: like <see cref="Subnet"/>, but it also keeps the loss of the keep rows low. It minimises
/// <c>-(1 - alpha) mean_forget l + alpha mean_keep l</c> (arXiv 2410.02159). Each mean is over all predicted
/// positions of the side's rows in the batch.
/// </summary>
/// <remarks>
/// Corrected form: every batch has rows of both sides, and no forget row is also a keep row. Reference form:
/// the forget rows are also keep rows, and all rows are shuffled together into batches. The mean of a batch
/// without rows of one side is NaN and would make every score NaN, so such a batch is an error.
/// </remarks>
public sealed class BalancedSubnet : Subnet
{
    /// <inheritdoc/>
    public override string Name => "balanced-subnet";

    /// <inheritdoc/>
    public override string Title => "BalancedSubnet";

    /// <inheritdoc/>
    public override string Paper => "arXiv 2410.02159";

    /// <inheritdoc/>
    public override string Equation =>
        "as subnet, but minimise -(1 - alpha) mean_forget l + alpha mean_keep l";

    /// <inheritdoc/>
    public override bool NeedsKeep => true;

    /// <inheritdoc/>
    public override bool HasReferenceForm => true;

    /// <inheritdoc/>
    public override IReadOnlyList<MethodOption> Options => [.. base.Options, Alpha];

    /// <summary>Weight alpha of the keep rows' loss, 0 to 1; the forget rows have 1 - alpha.</summary>
    public static MethodOption Alpha { get; } = MethodOption.Number(
        "Alpha", 0.9, OptionRange.ZeroToOne, "weight of the kept rows' loss (the others: 1 - alpha)");

    private protected override SupermaskSteps Steps(UnlearnTask task, SupermaskOptions options)
    {
        var mix = new RowMix(task, options.BatchRows);
        bool reference = task.Form == MethodForm.Reference;
        float alpha = task.Options.Number(Alpha);
        return new SupermaskSteps(mix.Steps, mix.Longest, Epoch);

        IEnumerable<SupermaskLoss> Epoch()
        {
            int step = 0;
            foreach (RowBatch batch in reference ? mix.Shuffled() : mix.Proportional())
            {
                step++;
                if (batch.Forget.Count == 0 || batch.Keep.Count == 0)
                    throw new UserException($"balanced-subnet, reference form: batch {step} of an epoch has "
                        + $"no sequence to {(batch.Forget.Count == 0 ? "forget" : "keep")}, so its mean loss "
                        + "is NaN and with it every score; use the corrected form or a larger "
                        + $"{Field.Of("BatchRows")}");
                yield return rows => Add(rows, batch, alpha);
            }
        }
    }

    static double Add(RowGradients rows, RowBatch batch, float alpha)
    {
        int[][] all = [.. batch.Forget, .. batch.Keep];
        double forget = -(1 - alpha) / (double)batch.Forget.Sum(r => r.Length - 1);
        double keep = alpha / (double)batch.Keep.Sum(r => r.Length - 1);
        return rows.AddWeighed(all, r => (all[r].Length - 1) * (r < batch.Forget.Count ? forget : keep));
    }
}
