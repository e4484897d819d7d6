using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>How (n, k) memorisation is asked for.</summary>
/// <param name="Prompt">n: tokens the model is given.</param>
/// <param name="Continuation">k: tokens it must write.</param>
/// <param name="NeverWritten">A token that is never written: the reference forbids its end-of-sequence token,
/// 11, also in English, where that is a comma. Null: none.</param>
public sealed record MemorisationOptions(int Prompt, int Continuation, int? NeverWritten = null)
{
    /// <summary>Throws unless both are at least 1.</summary>
    /// <exception cref="UserException">They are not.</exception>
    public void Validate()
    {
        if (Prompt < 1 || Continuation < 1)
            throw new UserException(
                $"Prompt {Prompt} and Continuation {Continuation}; expected at least 1 token each",
                nameof(Prompt), nameof(Continuation));
    }
}

/// <summary>What a model wrote for one sequence.</summary>
/// <param name="Index">Of the sequence, among all that were given.</param>
/// <param name="Group">Its duplication group.</param>
/// <param name="Memorised">All tokens are the planted ones.</param>
/// <param name="Correct">All tokens are the clean ones; false where these are not known.</param>
/// <param name="Similarity">1 - Levenshtein distance / k, of tokens.</param>
/// <param name="Written">The tokens.</param>
public sealed record Recital(
    int Index, int Group, bool Memorised, bool Correct, double Similarity, int[] Written);

/// <summary>
/// (n, k) memorisation: greedy decoding from the first n tokens (of the clean version where there is one)
/// writes the next k tokens (arXiv 2410.02159; Carlini et al. 2023, definition 3.1). Beside it the loose and
/// mean measures of arXiv 2510.24256.
/// </summary>
/// <param name="Given">Sequences that were given.</param>
/// <param name="Recitals">One for each sequence that could be asked: long enough, and with a continuation
/// that differs from the clean one.</param>
public sealed record Memorisation(int Given, IReadOnlyList<Recital> Recitals)
{
    /// <summary>Similarity from which a continuation counts as loosely memorised.</summary>
    public const double LooseSimilarity = 0.75;

    const int RowsInPass = 64;

    /// <summary>Share of sequences with all tokens equal; 0 of none is 0.</summary>
    public double Strict => Share(r => r.Memorised);

    /// <summary>Share of sequences at least 75 % alike.</summary>
    public double Loose => Share(r => r.Similarity >= LooseSimilarity);

    /// <summary>Mean of 1 - Levenshtein distance / k.</summary>
    public double MeanSimilarity => Recitals.Count == 0 ? 0 : Recitals.Average(r => r.Similarity);

    /// <summary>Share of sequences continued as the clean version goes on.</summary>
    public double Correct => Share(r => r.Correct);

    /// <summary>Strict share by duplication group, and how many sequences that is.</summary>
    public IReadOnlyList<(int Group, int Count, double Share)> Groups => [.. Recitals
        .GroupBy(r => r.Group).OrderBy(g => g.Key)
        .Select(g => (g.Key, g.Count(), g.Average(r => r.Memorised ? 1.0 : 0)))];

    /// <summary>Asks a model for every sequence.</summary>
    /// <remarks>
    /// A sequence with a prompt of its own (a backdoor's trigger) is asked from there, for k tokens or as
    /// many as it has left. Others need n + k tokens, and where the clean version is known a continuation
    /// that differs from it.
    /// </remarks>
    /// <exception cref="UserException">No sequence can be asked, one does not fit the context, or an id is
    /// outside the vocabulary.</exception>
    public static Memorisation Measure(
        LanguageModel model, IReadOnlyList<PlantedSequence> sequences, MemorisationOptions options)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(sequences);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        (PlantedSequence Sequence, int Index)[] asked =
            [.. sequences.Select((s, i) => (s, i)).Where(s => CanBeAsked(s.s, options))];
        RequireAskable(sequences, options);
        var recitals = new List<Recital>();
        // Rows of one length share a pass: a cache then holds no padding.
        foreach (var length in asked.GroupBy(s => PromptOf(s.Sequence, options)).OrderBy(g => g.Key))
            foreach ((PlantedSequence, int)[] pass in length.Chunk(RowsInPass))
                recitals.AddRange(Ask(model, pass, length.Key, options));
        return new Memorisation(sequences.Count, [.. recitals.OrderBy(r => r.Index)]);
    }

    /// <summary>Refuses sequences of which none can be asked for.</summary>
    /// <exception cref="UserException">None can.</exception>
    public static void RequireAskable(IReadOnlyList<PlantedSequence> sequences, MemorisationOptions options)
    {
        ArgumentNullException.ThrowIfNull(sequences);
        ArgumentNullException.ThrowIfNull(options);
        if (!sequences.Any(s => CanBeAsked(s, options)))
            throw new UserException(Problem(sequences, options));
    }

    static IEnumerable<Recital> Ask(LanguageModel model, (PlantedSequence Sequence, int Index)[] pass, int n,
        MemorisationOptions options)
    {
        int k = pass.Max(p => ContinuationOf(p.Sequence, n, options));
        IReadOnlyList<int[]> written = new Generator(model).Generate(
            new SequenceBatch([.. pass.Select(p => (IReadOnlyList<int>)p.Sequence.PromptSource[..n])]),
            new GenerationOptions { MaxNewTokens = k, NeverWritten = options.NeverWritten });
        for (int b = 0; b < pass.Length; b++)
        {
            (PlantedSequence sequence, int index) = pass[b];
            int count = ContinuationOf(sequence, n, options);
            int[] tokens = written[b][..count];
            ReadOnlySpan<int> planted = sequence.Ids.AsSpan(n, count);
            yield return new Recital(index, sequence.Group, planted.SequenceEqual(tokens),
                sequence.CleanIds is { } clean && clean.Length >= n + count
                    && clean.AsSpan(n, count).SequenceEqual(tokens),
                Levenshtein.Similarity(tokens, planted), tokens);
        }
    }

    static bool CanBeAsked(PlantedSequence s, MemorisationOptions options) => s.Prompt is { } prompt
        ? prompt < s.Ids.Length && prompt <= s.PromptSource.Length
        : s.Ids.Length >= options.Prompt + options.Continuation
            && s.DiffersIn(options.Prompt, options.Prompt + options.Continuation);

    static int PromptOf(PlantedSequence s, MemorisationOptions options) => s.Prompt ?? options.Prompt;

    static int ContinuationOf(PlantedSequence s, int n, MemorisationOptions options)
        => Math.Min(options.Continuation, s.Ids.Length - n);

    static string Problem(IReadOnlyList<PlantedSequence> sequences, MemorisationOptions options)
        => sequences.Count == 0 ? "there is no sequence to ask for; expected at least one"
            : $"none of {sequences.Count} sequences can be asked for; expected at least {options.Prompt} + "
                + $"{options.Continuation} tokens, and a continuation that differs from the clean version's";

    double Share(Func<Recital, bool> counts)
        => Recitals.Count == 0 ? 0 : (double)Recitals.Count(counts) / Recitals.Count;
}
