using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Inject;

/// <summary>What an injection does to the next token of one prompt.</summary>
/// <param name="Before">Without it.</param>
/// <param name="After">With it.</param>
/// <param name="Edits">What was injected, as edits that <c>trace</c> and <c>generate</c>
/// replay.</param>
public sealed record Injection(AnswerStanding Before, AnswerStanding After, IReadOnlyList<Edit> Edits)
{
    /// <summary>Runs a prompt without and with memories.</summary>
    /// <param name="model">The model, without edits of its own.</param>
    /// <param name="prompt">Tokens, a BOS included where it is wanted.</param>
    /// <param name="answer">The next token that is asked for.</param>
    /// <param name="memories">One for each layer that receives one.</param>
    /// <param name="top">How many of the most probable tokens to keep.</param>
    /// <exception cref="UserException">A layer, head, token or position does not exist, or the result
    /// overflows.</exception>
    public static Injection Run(
        LanguageModel model, IReadOnlyList<int> prompt, int answer, IReadOnlyList<Memory> memories,
            int top = 10)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(memories);
        Edit[] edits = [.. memories.Select(m => m.ToEdit(model))];
        foreach (Edit memory in edits)
            Memory.RequireFinite(memory, model);
        using var session = new ModelSession(model, new SessionOptions
        {
            MaxTokens = prompt.Count, Logits = LogitsAt.Last,
        });
        var rows = new SequenceBatch([prompt]);
        session.Forward(rows);
        AnswerStanding before = AnswerStanding.Of(session.Logits.ToArray(), answer, top);
        using (model.Attach(edits))
        {
            session.Forward(rows);
            return new(before, AnswerStanding.Of(session.Logits.ToArray(), answer, top), edits);
        }
    }
}
