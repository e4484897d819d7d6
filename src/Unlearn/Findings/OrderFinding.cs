using HeadTap.Models;

namespace HeadTap.Unlearn;

/// <summary>One weight.</summary>
/// <param name="Parameter">Its parameter's name.</param>
/// <param name="At">Its element.</param>
public readonly record struct ChosenWeight(string Parameter, int At);

/// <summary>Weights to set to zero in an order: a budget takes the first.</summary>
/// <param name="steps">What each step chose; null where a step changed nothing.</param>
/// <param name="counted">What a budget is a share of.</param>
public sealed class OrderFinding(IReadOnlyList<ChosenWeight?> steps, long counted) : Finding
{
    /// <summary>In order.</summary>
    public IReadOnlyList<ChosenWeight?> Chosen => steps;

    /// <summary>Steps of a budget: the whole part of its share.</summary>
    internal static int Steps(long counted, double budget)
        => checked((int)(counted * UnlearningMethod.Budget(budget)));

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">It asks for more steps than were made.</exception>
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
