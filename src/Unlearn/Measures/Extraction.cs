using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>
/// Which memorised texts come out of a model: a text is extracted when greedy generation from its prompt
/// writes its continuation token for token (Carlini et al. 2023, arXiv 2202.07646, definition 3.1).
/// </summary>
/// <param name="Extracted">For each text, whether it was extracted.</param>
public sealed record Extraction(IReadOnlyList<bool> Extracted)
{
    /// <summary>Extracted texts over all; 0 of none is 0.</summary>
    public double Share => (double)Extracted.Count(e => e) / Math.Max(Extracted.Count, 1);

    /// <summary>Tries every text.</summary>
    /// <param name="model">The model.</param>
    /// <param name="texts">Prompts and continuations, both at least one token.</param>
    /// <exception cref="UserException">A text does not fit the context or the vocabulary.</exception>
    public static Extraction Measure(
        LanguageModel model, IReadOnlyList<(int[] Prompt, int[] Continuation)> texts)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(texts);
        if (texts.Count == 0)
            return new Extraction([]);
        // Each text is asked from the end of its own prompt, for all tokens that it has left.
        Memorisation found = Memorisation.Measure(model,
            [.. texts.Select(t => new PlantedSequence(
                [.. t.Prompt, .. t.Continuation], Prompt: t.Prompt.Length))],
            new MemorisationOptions(1, texts.Max(t => t.Continuation.Length)));
        return new Extraction([.. found.Recitals.Select(r => r.Memorised)]);
    }
}
