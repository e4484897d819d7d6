using HeadTap.Runtime;

namespace HeadTap.Inject;

/// <summary>Checks the probabilities that measures are computed from.</summary>
static class PromptProbabilities
{
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    /// <exception cref="UserException">A value is not between 0 and 1, or is NaN.</exception>
    internal static void Require(ReadOnlySpan<double> before, ReadOnlySpan<double> after)
    {
        if (before.Length != after.Length)
            throw new ArgumentException($"{before.Length} prompts before and {after.Length} after.");
        Require(before, "before");
        Require(after, "after");
    }

    static void Require(ReadOnlySpan<double> values, string when)
    {
        for (int i = 0; i < values.Length; i++)
            if (!(values[i] is >= 0 and <= 1))
                throw new UserException($"prompt {i} has the probability {values[i]:R} {when} the injection; "
                    + "expected 0 to 1");
    }
}
