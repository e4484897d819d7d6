using HeadTap.Models;

namespace HeadTap.Unlearn;

/// <summary>One element of a parameter.</summary>
/// <param name="Parameter">Name of the parameter.</param>
/// <param name="At">Index of the element.</param>
public readonly record struct ChosenWeight(string Parameter, int At);

/// <summary>A sequence of weights to set to zero; a budget takes the first ones.</summary>
/// <param name="steps">Weight that each step chose; null if a step changed nothing.</param>
/// <param name="counted">Number of steps of a budget of 1.</param>
public sealed class OrderFinding(IReadOnlyList<ChosenWeight?> steps, long counted) : Finding
{
    /// <summary>The chosen weights in the order of the steps; null if a step changed nothing.</summary>
    public IReadOnlyList<ChosenWeight?> Chosen => steps;

    /// <summary>Returns the number of steps of a budget: its share of the count, rounded down.</summary>
    internal static int Steps(long counted, double budget)
        => checked((int)(counted * UnlearningMethod.Budget(budget)));

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The budget asks for more steps than were made.</exception>
    public override void Apply(LanguageModel model, double budget)
    {
        ArgumentNullException.ThrowIfNull(model);
        int taken = Steps(counted, budget);
        if (taken > steps.Count)
            throw new ArgumentException(
                $"A budget of {budget} is {taken} steps; {steps.Count} were made.", nameof(budget));
        foreach (IGrouping<string, ChosenWeight> of in
            steps.Take(taken).OfType<ChosenWeight>().GroupBy(weight => weight.Parameter))
            WeightFinding.Zero(model.Set[of.Key], [.. of.Select(weight => weight.At)], 0);
    }
}
