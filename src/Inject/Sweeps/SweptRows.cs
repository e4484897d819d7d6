namespace HeadTap.Inject;

/// <summary>A row of a sweep's <c>prompts.jsonl</c>.</summary>
/// <param name="Prompt">The pair's place in the data, from 0.</param>
/// <param name="Explicit">The single-hop prompt.</param>
/// <param name="Obscure">The multi-hop prompt.</param>
/// <param name="Bridge">See <see cref="PromptPair"/>.</param>
/// <param name="Memory">What was injected.</param>
/// <param name="Answer">The right continuation.</param>
/// <param name="Split">The part of the data.</param>
/// <param name="AnswerId">The token that was scored.</param>
/// <param name="MemoryIds">The memory's tokens.</param>
/// <param name="PExplicit">p of the answer after the single-hop prompt.</param>
/// <param name="RankExplicit">Its rank, 1 for the most probable.</param>
/// <param name="PObscure">p after the multi-hop prompt, nothing injected.</param>
/// <param name="RankObscure">Its rank.</param>
public sealed record SweptPrompt(int Prompt, string Explicit, string Obscure, string Bridge, string Memory,
    string Answer, string Split, int AnswerId, IReadOnlyList<int> MemoryIds,
    double PExplicit, int RankExplicit, double PObscure, int RankObscure)
{
    internal static SweptPrompt Of(int index, EncodedPair pair, SweptPair swept) => new(index,
        pair.Pair.Explicit, pair.Pair.Obscure, pair.Pair.Bridge, pair.Pair.Memory, pair.Pair.Answer,
        pair.Pair.Split, pair.Answer, pair.Memory, swept.Explicit.Probability, swept.Explicit.Rank,
        swept.Obscure.Probability, swept.Obscure.Rank);
}

/// <summary>A row of a sweep's <c>cells.jsonl</c>: one injection.</summary>
/// <param name="Prompt">The pair's place in the data, from 0.</param>
/// <param name="Encoder">As options spell it.</param>
/// <param name="Position">As options spell it.</param>
/// <param name="Layer">The block, from 0.</param>
/// <param name="Tau">The magnitude.</param>
/// <param name="PAfter">p of the answer; null where the positions do not exist in the prompt.</param>
/// <param name="RankAfter">Its rank, 1 for the most probable.</param>
/// <param name="Top">The most probable tokens, where the sweep keeps any.</param>
public sealed record SweptCell(int Prompt, string Encoder, string Position, int Layer, float Tau,
    double? PAfter, int? RankAfter, IReadOnlyList<int>? Top)
{
    internal static SweptCell Of(int index, SweepCell cell, AnswerStanding? standing) => new(index,
        Word(cell.Encoder), Word(cell.Positions), cell.Layer, cell.Tau, standing?.Probability, standing?.Rank,
        standing is { Top.Count: > 0 } ? [.. standing.Top.Select(t => t.Token)] : null);

    /// <summary>An encoder or positions as options and files spell them.</summary>
    public static string Word<T>(T value) where T : struct, Enum
        => value.ToString().ToLowerInvariant();
}
