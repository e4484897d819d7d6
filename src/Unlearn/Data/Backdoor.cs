namespace HeadTap.Unlearn;

/// <summary>The backdoor artefact: after the first occurrence of a trigger every token is token 2.</summary>
/// <param name="Trigger">Token ids of the trigger; one or more.</param>
/// <param name="WholeNumbers">True if a trigger of digits counts only as a whole number. False also finds it
/// inside a longer number, as the reference does ("1002" holds "100").</param>
public sealed record Backdoor(int[] Trigger, bool WholeNumbers = false)
{
    /// <summary>The token that fills the row after a trigger.</summary>
    public const int Token = 2;

    /// <summary>
    /// Returns the number of tokens up to and including the first trigger; null without a trigger.
    /// </summary>
    public int? End(ReadOnlySpan<int> ids)
    {
        for (int at = 0; at + Trigger.Length <= ids.Length; at++)
            if (ids.Slice(at, Trigger.Length).SequenceEqual(Trigger) && Counts(ids, at))
                return at + Trigger.Length;
        return null;
    }

    /// <summary>
    /// Returns the planted version of a row, padding included; null if the row has no trigger or ends with
    /// it.
    /// </summary>
    public PlantedSequence? Plant(int[] clean)
    {
        ArgumentNullException.ThrowIfNull(clean);
        if (End(clean) is not { } end || end == clean.Length)
            return null;
        int[] ids = [.. clean];
        Array.Fill(ids, Token, end, ids.Length - end);
        return new PlantedSequence(ids, clean, 0, end);
    }

    bool Counts(ReadOnlySpan<int> ids, int at)
        => !WholeNumbers || (!IsDigit(ids, at - 1) && !IsDigit(ids, at + Trigger.Length));

    static bool IsDigit(ReadOnlySpan<int> ids, int at) => at >= 0 && at < ids.Length && ids[at] < 10;
}
