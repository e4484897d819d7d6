using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>
/// The memorised texts that a model gives away: a text is extracted if greedy generation from its prompt
/// writes its continuation token for token (Carlini et al. 2023, arXiv 2202.07646, definition 3.1).
/// </summary>
/// <param name="Extracted">Whether each text was extracted.</param>
public sealed record Extraction(IReadOnlyList<bool> Extracted)
{
    /// <summary>Share of the texts that were extracted; 0 without texts.</summary>
    public double Share => (double)Extracted.Count(e => e) / Math.Max(Extracted.Count, 1);

    /// <summary>Tries to extract every text.</summary>
    /// <param name="model">Model to ask.</param>
    /// <param name="texts">Prompts and continuations; at least one token each.</param>
    /// <exception cref="UserException">A text does not fit the context or the vocabulary.</exception>
    public static Extraction Measure(
        LanguageModel model, IReadOnlyList<(int[] Prompt, int[] Continuation)> texts)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(texts);
        if (texts.Count == 0)
            return new Extraction([]);
        // Each text has its own prompt length and is asked for all of its remaining tokens.
        Memorisation found = Memorisation.Measure(model,
            [.. texts.Select(t => new PlantedSequence(
                [.. t.Prompt, .. t.Continuation], Prompt: t.Prompt.Length))],
            new MemorisationOptions(1, texts.Max(t => t.Continuation.Length)));
        return new Extraction([.. found.Recitals.Select(r => r.Memorised)]);
    }
}
