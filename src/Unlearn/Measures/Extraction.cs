using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>
/// Which memorised texts come out of a model: a text is extracted when greedy generation from its prompt
/// writes its continuation token for token (Carlini et al. 2023, arXiv 2202.07646, definition 3.1).
/// </summary>
/// <param name="Extracted">One verdict a text.</param>
public sealed record Extraction(IReadOnlyList<bool> Extracted)
{
    const int RowsInPass = 32;

    /// <summary>Extracted texts over all; 0 of none is 0.</summary>
    public double Share => (double)Extracted.Count(e => e) / Math.Max(Extracted.Count, 1);

    /// <summary>Tries every text.</summary>
    /// <param name="model">The model.</param>
    /// <param name="texts">Prompts and continuations, both at least one token.</param>
    /// <exception cref="UserException">A text does not fit the context or the vocabulary.</exception>
    public static Extraction Measure(Gpt2Model model, IReadOnlyList<(int[] Prompt, int[] Continuation)> texts)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(texts);
        var generator = new Gpt2Generator(model);
        var verdicts = new List<bool>();
        foreach ((int[] Prompt, int[] Continuation)[] pass in texts.Chunk(RowsInPass))
        {
            IReadOnlyList<int[]> written = generator.Generate(
                new SequenceBatch([.. pass.Select(t => (IReadOnlyList<int>)t.Prompt)]),
                new GenerationOptions { MaxNewTokens = pass.Max(t => t.Continuation.Length) });
            verdicts.AddRange(pass.Select((t, b) => written[b].AsSpan().StartsWith(t.Continuation)));
        }
        return new Extraction(verdicts);
    }
}
