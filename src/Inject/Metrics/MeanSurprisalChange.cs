namespace HeadTap.Inject;

/// <summary>Mean change of the answer's surprisal, -ln p_edit + ln p_obs; negative is better.</summary>
/// <remarks>A prompt with a probability of zero, before or after, has no finite change and is left
/// out.</remarks>
public static class MeanSurprisalChange
{
    /// <summary>Returns the change in nats; NaN if no prompt has a finite change.</summary>
    /// <inheritdoc cref="RelativeGain.Of"/>
    public static double Of(ReadOnlySpan<double> before, ReadOnlySpan<double> after)
    {
        PromptProbabilities.Require(before, after);
        double sum = 0;
        int count = 0;
        for (int i = 0; i < before.Length; i++)
            if (before[i] > 0 && after[i] > 0)
                (sum, count) = (sum + Math.Log(before[i]) - Math.Log(after[i]), count + 1);
        return sum / count;
    }
}
