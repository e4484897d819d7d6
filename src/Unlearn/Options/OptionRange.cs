using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>What options of methods may be; a value outside is one line.</summary>
static class OptionRange
{
    /// <exception cref="UserException">It is below 1.</exception>
    internal static int AtLeastOne(string option, int value) => value >= 1 ? value
        : throw new UserException($"{option} is {value}; expected 1 or more");

    /// <exception cref="UserException">It is 0, negative or no number.</exception>
    internal static float Positive(string option, float value) => value > 0 && float.IsFinite(value) ? value
        : throw new UserException($"{option} is {value}; expected a number above 0");

    /// <exception cref="UserException">It is negative or no number.</exception>
    internal static float NotNegative(string option, float value) => value >= 0 && float.IsFinite(value)
        ? value : throw new UserException($"{option} is {value}; expected a number of 0 or more");

    /// <summary>For ranges that no method above has.</summary>
    /// <param name="option">Its name.</param>
    /// <param name="value">What was given.</param>
    /// <param name="inside">Whether it is inside; a comparison that NaN fails.</param>
    /// <param name="expected">The range.</param>
    /// <exception cref="UserException">It is not.</exception>
    internal static void Require(string option, double value, bool inside, string expected)
    {
        if (!inside)
            throw new UserException($"{option} is {value}; expected {expected}");
    }
}
