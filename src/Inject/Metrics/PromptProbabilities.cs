using HeadTap.Runtime;

namespace HeadTap.Inject;

/// <summary>What every measure demands of its probabilities, prompt by prompt.</summary>
static class PromptProbabilities
{
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    /// <exception cref="UserException">A value is no probability; NaN is none.</exception>
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
