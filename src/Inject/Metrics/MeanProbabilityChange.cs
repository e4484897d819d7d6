namespace HeadTap.Inject;

/// <summary>Relative change of the mean probability: 100 (mean p_edit / mean p_obs - 1).</summary>
/// <remarks>
/// Prompts with p_obs = 0 count like all others; the change is undefined only if all p_obs are zero.
/// </remarks>
public static class MeanProbabilityChange
{
    /// <summary>
    /// Returns the change in percent; NaN if the mean before is zero or there is no prompt.
    /// </summary>
    /// <inheritdoc cref="RelativeGain.Of"/>
    public static double Of(ReadOnlySpan<double> before, ReadOnlySpan<double> after)
    {
        PromptProbabilities.Require(before, after);
        double was = RelativeGain.Mean(before);
        return was > 0 ? 100 * (RelativeGain.Mean(after) / was - 1) : double.NaN;
    }
}
