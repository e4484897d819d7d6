namespace HeadTap.Models;

/// <summary>The extents of one pass and which tokens of which step it runs.</summary>
/// <param name="B">Rows of the batch.</param>
/// <param name="T">Tokens of a row in this pass, padding included: 1 while generating over the cache.</param>
/// <param name="Lengths">Real tokens of each row so far, this pass included; 0 for a row that is
/// finished.</param>
/// <param name="Step">The pass of a generation; 0 for the prompt and outside generation.</param>
/// <param name="Keys">Extent of a pattern's last axis.</param>
/// <param name="Prompts">
/// Lengths of the prompts, where each step of a generation runs the whole text again. Each token then belongs
/// to the step in which a generation over the cache runs it, and has the edits of that step.
/// </param>
readonly record struct BatchShape(int B, int T, int[] Lengths, int Step, int Keys, int[]? Prompts = null)
{
    /// <summary>
    /// What each row is, where rows are single tokens of several texts; then T is 1. Null: rows are texts.
    /// </summary>
    internal PackedTokens? Packed { get; init; }

    /// <summary>Texts that edits may name by their row.</summary>
    internal int Texts => Packed?.Texts ?? B;

    /// <summary>The text that a row belongs to, as edits name it.</summary>
    internal int TextOf(int b) => Packed?.Rows[b] ?? b;

    /// <summary>Position of the first token of this pass in a row.</summary>
    internal int FirstPosition(int b) => Packed is not null ? Packed.Positions[b]
        : Step == 0 || Prompts is not null ? 0 : Math.Max(Lengths[b] - 1, 0);

    /// <summary>Real tokens of a row so far.</summary>
    internal int Length(int b) => Packed is null ? Lengths[b] : Packed.Positions[b] + 1;

    /// <summary>The step that a token belongs to.</summary>
    internal int StepOf(int b, int position)
        => Packed is not null ? Packed.Steps[b]
        : Prompts is null ? Step : Math.Max(0, position - Prompts[b] + 1);

    /// <summary>Real tokens of a row at the step that a token belongs to: what it can attend to.</summary>
    internal int LengthAt(int b, int position)
        => Prompts is null ? Lengths[b] : Math.Max(Prompts[b], position + 1);

    /// <summary>Whether any token of the pass belongs to one of the steps.</summary>
    internal bool HasAny(IReadOnlyList<int>? steps)
    {
        if (Packed is { } packed)
            return steps is null || packed.Steps.Any(steps.Contains);
        (int first, int last) = (Prompts is null ? Step : 0, Step);
        return steps is null || steps.Any(s => s >= first && s <= last);
    }
}

/// <summary>The tokens of a pass over several texts, side by side.</summary>
/// <param name="Texts">Texts that there is room for.</param>
/// <param name="Rows">[N]: the text that a token belongs to.</param>
/// <param name="Positions">[N]: its position there.</param>
/// <param name="Steps">[N]: the pass of that text's generation, 0 for its prompt.</param>
sealed record PackedTokens(int Texts, int[] Rows, int[] Positions, int[] Steps);
