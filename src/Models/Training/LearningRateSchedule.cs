namespace HeadTap.Models;

/// <summary>What the learning rate does after the warm-up.</summary>
public enum ScheduleKind
{
    /// <summary>Stays at its highest.</summary>
    Constant,

    /// <summary>Falls along half a cosine to <see cref="LearningRateSchedule.MinimumRate"/>.</summary>
    Cosine,
}

/// <summary>The learning rate over the steps of a run.</summary>
public sealed record LearningRateSchedule
{
    /// <summary>After the warm-up.</summary>
    public ScheduleKind Kind { get; init; } = ScheduleKind.Cosine;

    /// <summary>Steps of linear rise from nearly 0.</summary>
    public int WarmupSteps { get; init; }

    /// <summary>
    /// The rate at the end of the cosine; null for a tenth of the highest (Hoffmann et al. 2022).
    /// </summary>
    public float? MinimumRate { get; init; }

    /// <summary>The rate of a step.</summary>
    /// <param name="step">1 to <paramref name="steps"/>.</param>
    /// <param name="steps">Steps of the whole run.</param>
    /// <param name="highest">The optimiser's learning rate.</param>
    public float Rate(int step, int steps, float highest)
    {
        if (step <= WarmupSteps)
            return (float)((double)highest * step / (WarmupSteps + 1));
        if (Kind == ScheduleKind.Constant)
            return highest;
        double lowest = MinimumRate ?? highest / 10.0;
        double along = (step - 1.0 - WarmupSteps) / Math.Max(1, steps - 1 - WarmupSteps);
        return (float)(lowest + 0.5 * (1 + Math.Cos(Math.PI * Math.Min(along, 1))) * (highest - lowest));
    }

    internal string? Problem(float highest) =>
        TrainingConfig.Range("warmup_steps", WarmupSteps, 0)
        ?? (MinimumRate is not { } lowest || (lowest >= 0 && lowest <= highest)
            ? null : $"minimum_rate is {MinimumRate}; expected 0 to the learning rate {highest}");
}
