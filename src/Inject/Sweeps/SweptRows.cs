namespace HeadTap.Inject;

/// <summary>A row of a sweep's <c>prompts.jsonl</c>.</summary>
/// <param name="Prompt">Index of the pair in the data, from 0.</param>
/// <param name="Explicit">Single-hop prompt.</param>
/// <param name="Obscure">Multi-hop prompt.</param>
/// <param name="Bridge">Bridge entity; see <see cref="PromptPair"/>.</param>
/// <param name="Memory">Text of the memory that was injected.</param>
/// <param name="Answer">Right continuation of both prompts.</param>
/// <param name="Split">Part of the data that the pair belongs to; empty for none.</param>
/// <param name="AnswerId">Token id that was scored.</param>
/// <param name="MemoryIds">Token ids of the memory.</param>
/// <param name="PExplicit">Probability of the answer after the single-hop prompt.</param>
/// <param name="RankExplicit">Rank of the answer after the single-hop prompt, 1 for the most
/// probable.</param>
/// <param name="PObscure">Probability of the answer after the multi-hop prompt, nothing injected.</param>
/// <param name="RankObscure">Rank of the answer after the multi-hop prompt, 1 for the most probable.</param>
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
/// <param name="Prompt">Index of the pair in the data, from 0.</param>
/// <param name="Encoder">Name of the encoder in options.</param>
/// <param name="Position">Name of the positions in options.</param>
/// <param name="Layer">Layer, from 0.</param>
/// <param name="Tau">Magnitude of the memory.</param>
/// <param name="PAfter">Probability of the answer; null if the positions do not exist in the prompt.</param>
/// <param name="RankAfter">Rank of the answer, 1 for the most probable; null as for the probability.</param>
/// <param name="Top">Most probable token ids; null if the sweep keeps none.</param>
public sealed record SweptCell(int Prompt, string Encoder, string Position, int Layer, float Tau,
    double? PAfter, int? RankAfter, IReadOnlyList<int>? Top)
{
    internal static SweptCell Of(int index, SweepCell cell, AnswerStanding? standing) => new(index,
        Word(cell.Encoder), Word(cell.Positions), cell.Layer, cell.Tau, standing?.Probability, standing?.Rank,
        standing is { Top.Count: > 0 } ? [.. standing.Top.Select(t => t.Token)] : null);

    /// <summary>Returns the name of an encoder or of positions in options and files.</summary>
    public static string Word<T>(T value) where T : struct, Enum
        => value.ToString().ToLowerInvariant();
}
