using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Inject;

/// <summary>Effect of memories on the next token of one prompt.</summary>
/// <param name="Before">Probability and rank of the answer without the memories.</param>
/// <param name="After">Probability and rank of the answer with the memories.</param>
/// <param name="Edits">The memories as edits, which <c>trace</c> and <c>generate</c> can replay.</param>
public sealed record Injection(AnswerStanding Before, AnswerStanding After, IReadOnlyList<Edit> Edits)
{
    /// <summary>Runs a prompt without and with the memories.</summary>
    /// <param name="model">The model; no edits may be attached.</param>
    /// <param name="prompt">Token ids; they include BOS if it is wanted.</param>
    /// <param name="answer">Token id of the answer.</param>
    /// <param name="memories">Memories to inject, each into its own layer.</param>
    /// <param name="top">Number of most probable tokens to keep; 0 to V.</param>
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
