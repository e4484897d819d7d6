namespace HeadTap.Unlearn;

/// <summary>A sequence that a model may have memorised.</summary>
/// <param name="Ids">As it was planted.</param>
/// <param name="CleanIds">As it would have been, equally long; null if that is not known.</param>
/// <param name="Group">g: it was copied 10^g times.</param>
/// <param name="Prompt">Tokens up to and including its trigger; null where a measure's own n counts.</param>
public sealed record PlantedSequence(int[] Ids, int[]? CleanIds = null, int Group = 0, int? Prompt = null)
{
    /// <summary>What a model is prompted with: the clean version where there is one (as published).</summary>
    public int[] PromptSource => CleanIds ?? Ids;

    /// <summary>Whether the planted and the clean version differ in [start, end) and both reach it.</summary>
    public bool DiffersIn(int start, int end)
        => CleanIds is null
            || (CleanIds.Length >= end && !Ids.AsSpan(start, end - start).SequenceEqual(
                CleanIds.AsSpan(start, end - start)));
}
