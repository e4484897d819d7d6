using System.Globalization;
using HeadTap.Models;

namespace HeadTap.Unlearn;

/// <summary>Weights to set to zero, found for one budget.</summary>
/// <param name="budget">Budget that the mask was trained for, 0 to 1. The finding applies at this budget and
/// at 0.</param>
/// <param name="removed">Indices of the elements to remove by parameter name, ascending.</param>
public sealed class MaskFinding(
    double budget, IReadOnlyList<(string Parameter, int[] Removed)> removed) : Finding
{
    /// <summary>Indices of the elements to remove by parameter name, ascending.</summary>
    public IReadOnlyList<(string Parameter, int[] Removed)> Removed => removed;

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The budget is neither 0 nor the one that the mask was trained
    /// for.</exception>
    public override void Apply(LanguageModel model, double budget)
    {
        ArgumentNullException.ThrowIfNull(model);
        if (UnlearningMethod.Budget(budget) == 0)
            return;
        if (budget != Budget)
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture,
                $"These masks were trained for a budget of {Budget}, not {budget}."), nameof(budget));
        foreach ((string parameter, int[] at) in removed)
            WeightFinding.Zero(model.Set[parameter], at, 0);
    }

    /// <summary>The budget for which the mask was trained.</summary>
    public double Budget { get; } = budget;
}
