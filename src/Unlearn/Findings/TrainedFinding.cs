using HeadTap.Models;

namespace HeadTap.Unlearn;

/// <summary>Weights as training left them.</summary>
/// <param name="found">The budget they were trained for.</param>
/// <param name="weights">The parameters that were trained.</param>
public sealed class TrainedFinding(double found, WeightSnapshot weights) : Finding
{
    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The budget is neither 0 nor what training was for.</exception>
    public override void Apply(LanguageModel model, double budget)
    {
        if (UnlearningMethod.Budget(budget) == 0)
            return;
        if (budget != found)
            throw new ArgumentException($"trained for a budget of {found}, not of {budget}", nameof(budget));
        weights.Restore(model);
    }
}
