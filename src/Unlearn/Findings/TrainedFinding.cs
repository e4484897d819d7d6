using HeadTap.Models;

namespace HeadTap.Unlearn;

/// <summary>Weights at the end of training.</summary>
/// <param name="found">Budget that the weights were trained for, 0 to 1.</param>
/// <param name="weights">Values of the trained parameters.</param>
public sealed class TrainedFinding(double found, WeightSnapshot weights) : Finding
{
    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The budget is neither 0 nor the one of the training.</exception>
    public override void Apply(LanguageModel model, double budget)
    {
        if (UnlearningMethod.Budget(budget) == 0)
            return;
        if (budget != found)
            throw new ArgumentException($"trained for a budget of {found}, not of {budget}", nameof(budget));
        weights.Restore(model);
    }
}
