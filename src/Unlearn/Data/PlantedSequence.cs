namespace HeadTap.Unlearn;

/// <summary>A sequence that a model may have memorised.</summary>
/// <param name="Ids">Token ids of the planted sequence.</param>
/// <param name="CleanIds">Token ids of the sequence before planting; null if not known. Noise may change the
/// length.</param>
/// <param name="Group">Group g; training has 10^g copies.</param>
/// <param name="Prompt">Number of tokens up to and including the trigger; null if the measure's own n
/// counts.</param>
public sealed record PlantedSequence(int[] Ids, int[]? CleanIds = null, int Group = 0, int? Prompt = null)
{
    /// <summary>
    /// The ids that a prompt is taken from: the clean version if there is one (as published).
    /// </summary>
    public int[] PromptSource => CleanIds ?? Ids;

    /// <summary>
    /// Returns true if both versions reach <paramref name="end"/> and differ in [start, end), or if no clean
    /// version is known.
    /// </summary>
    public bool DiffersIn(int start, int end)
        => CleanIds is null
            || (CleanIds.Length >= end && !Ids.AsSpan(start, end - start).SequenceEqual(
                CleanIds.AsSpan(start, end - start)));
}
