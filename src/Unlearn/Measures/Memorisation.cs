using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>Options of the (n, k) memorisation measure.</summary>
/// <param name="Prompt">Number n of tokens that the model is given; at least 1.</param>
/// <param name="Continuation">Number k of tokens that the model must write; at least 1.</param>
/// <param name="NeverWritten">Token that is never written; null for none. The reference forbids its
/// end-of-sequence token, 11, in English too, where 11 is a comma.</param>
public sealed record MemorisationOptions(int Prompt, int Continuation, int? NeverWritten = null)
{
    /// <summary>
    /// Begin-of-text token that the sequences begin with; it is given before the n tokens. Null for none.
    /// </summary>
    public int? Bos { get; init; }

    /// <summary>Number of tokens that the model is given, with the begin-of-text token.</summary>
    public int Given => Prompt + (Bos is null ? 0 : 1);

    /// <summary>Checks the two lengths.</summary>
    /// <exception cref="UserException">A length is below 1.</exception>
    public void Validate()
    {
        if (Prompt < 1 || Continuation < 1)
            throw new UserException(
                $"{Field.Of(nameof(Prompt))} {Prompt} and {Field.Of(nameof(Continuation))} {Continuation}; "
                    + "expected at least 1 token each");
    }
}

/// <summary>
/// The tokens that a model wrote for one sequence, compared with the planted and the clean ones.
/// </summary>
/// <param name="Index">Index of the sequence among all that were given.</param>
/// <param name="Group">Duplication group of the sequence.</param>
/// <param name="Memorised">Whether all tokens are the planted ones.</param>
/// <param name="Correct">Whether all tokens are the clean ones; false if these are not known.</param>
/// <param name="Similarity">1 - Levenshtein distance / k, over tokens.</param>
/// <param name="Written">Tokens that the model wrote.</param>
public sealed record Recital(
    int Index, int Group, bool Memorised, bool Correct, double Similarity, int[] Written);

/// <summary>
/// (n, k) memorisation: a sequence is memorised if greedy decoding from its first n tokens (of the clean
/// version if there is one) writes its next k tokens (arXiv 2410.02159; Carlini et al. 2023, definition 3.1).
/// It also has the loose and mean measures of arXiv 2510.24256.
/// </summary>
/// <param name="Given">Number of sequences that were given.</param>
/// <param name="Recitals">One recital per sequence that could be asked: long enough, and with a continuation
/// that differs from the clean one.</param>
public sealed record Memorisation(int Given, IReadOnlyList<Recital> Recitals)
{
    /// <summary>Least similarity of a loosely memorised continuation.</summary>
    public const double LooseSimilarity = 0.75;

    const int RowsInPass = 64;

    /// <summary>Share of the sequences with all tokens equal; 0 without recitals.</summary>
    public double Strict => Share(r => r.Memorised);

    /// <summary>Share of the sequences with a similarity of at least 0.75.</summary>
    public double Loose => Share(r => r.Similarity >= LooseSimilarity);

    /// <summary>Mean of 1 - Levenshtein distance / k; 0 without recitals.</summary>
    public double MeanSimilarity => Recitals.Count == 0 ? 0 : Recitals.Average(r => r.Similarity);

    /// <summary>Share of the sequences that the model continued like the clean version.</summary>
    public double Correct => Share(r => r.Correct);

    /// <summary>Number of sequences and share memorised per duplication group.</summary>
    public IReadOnlyList<(int Group, int Count, double Share)> Groups => [.. Recitals
        .GroupBy(r => r.Group).OrderBy(g => g.Key)
        .Select(g => (g.Key, g.Count(), g.Average(r => r.Memorised ? 1.0 : 0)))];

    /// <summary>Prompts a model with every sequence and compares what it writes.</summary>
    /// <remarks>
    /// A sequence with its own prompt (a backdoor's trigger) is asked from there, for k tokens or for all
    /// that remain. Other sequences need n + k tokens, and a continuation that differs from the clean version
    /// if one is known.
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
        // Rows with equally long prompts share a pass, so the key/value cache holds no padding.
        foreach (var length in asked.GroupBy(s => PromptOf(s.Sequence, options)).OrderBy(g => g.Key))
            foreach ((PlantedSequence, int)[] pass in length.Chunk(RowsInPass))
                recitals.AddRange(Ask(model, pass, length.Key, options));
        return new Memorisation(sequences.Count, [.. recitals.OrderBy(r => r.Index)]);
    }

    /// <summary>Requires at least one sequence that can be asked for.</summary>
    /// <exception cref="UserException">No sequence can be asked for.</exception>
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
        : s.Ids.Length >= options.Given + options.Continuation
            && s.DiffersIn(options.Given, options.Given + options.Continuation);

    static int PromptOf(PlantedSequence s, MemorisationOptions options) => s.Prompt ?? options.Given;

    static int ContinuationOf(PlantedSequence s, int n, MemorisationOptions options)
        => Math.Min(options.Continuation, s.Ids.Length - n);

    static string Problem(IReadOnlyList<PlantedSequence> sequences, MemorisationOptions options)
        => sequences.Count == 0 ? "there is no sequence to ask for; expected at least one"
            : $"none of {Counted.Of(sequences.Count, "sequence")} can be asked for; expected at least "
                + $"{options.Given} + {Counted.Of(options.Continuation, "token")}, and a continuation that "
                + "differs from the clean version's";

    double Share(Func<Recital, bool> counts)
        => Recitals.Count == 0 ? 0 : (double)Recitals.Count(counts) / Recitals.Count;
}
