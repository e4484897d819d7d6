using System.Runtime.InteropServices;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>
/// Sequences to forget and to keep, checked against each other and a model, with the options of the measures.
/// </summary>
/// <param name="Forget">Sequences to forget; at least one.</param>
/// <param name="Keep">Sequences to keep; in corrected form without those of the forget set.</param>
/// <param name="Overlap">Number of sequences of the given keep set that are also in the forget set.</param>
public sealed record UnlearnData(
    IReadOnlyList<PlantedSequence> Forget, IReadOnlyList<PlantedSequence> Keep, int Overlap)
{
    /// <summary>The form of the methods.</summary>
    public MethodForm Form { get; init; }

    /// <summary>The sequences that memorisation is measured on; the forget set unless set.</summary>
    public IReadOnlyList<PlantedSequence> Asked
    {
        get => field ?? Forget;
        init;
    }

    /// <summary>The options of the memorisation measure.</summary>
    public MemorisationOptions Recital { get; init; } = new(1, 1);

    /// <summary>Whether to forget only the sequences that the model recites.</summary>
    public bool OnlyMemorised { get; init; }

    /// <summary>Number of rows of the keep set that are measured, from the first; null for all.</summary>
    public int? KeepRows { get; init; }

    /// <summary>Rows of each test file of a sweep.</summary>
    public IReadOnlyList<IReadOnlyList<int[]>> Tests { get; init; } = [];

    /// <summary>
    /// The token that pads test rows to the context; if null, padded accuracy is not measured.
    /// </summary>
    public int? PadToken { get; init; }

    /// <summary>The rows of the keep set that are measured.</summary>
    public IReadOnlyList<int[]> MeasuredKeep => Rows(Keep.Take(KeepRows ?? Keep.Count));

    /// <summary>Checks the forget set and the keep set.</summary>
    /// <remarks>
    /// The reference's clean set also holds the noised sequences. The reference form leaves them there; the
    /// corrected form takes them out.
    /// </remarks>
    /// <param name="forget">Sequences to forget.</param>
    /// <param name="keep">Sequences to keep; empty for none.</param>
    /// <param name="form">Form of the methods: the corrected one takes sequences that are in both sets out of
    /// the keep set.</param>
    /// <param name="config">Sizes of the model.</param>
    /// <exception cref="UserException">The forget set is empty, a sequence has fewer than two tokens or more
    /// than the context, or the whole keep set is in the forget set.</exception>
    public static UnlearnData Of(IReadOnlyList<PlantedSequence> forget, IReadOnlyList<PlantedSequence> keep,
        MethodForm form, ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(forget);
        ArgumentNullException.ThrowIfNull(keep);
        ArgumentNullException.ThrowIfNull(config);
        if (forget.Count == 0)
            throw new UserException("the forget set is empty; expected at least one sequence");
        RequireFits(forget, "forget", config.ContextLength);
        RequireFits(keep, "keep", config.ContextLength);
        HashSet<string> forgotten = [.. forget.Select(Key)];
        List<PlantedSequence> apart = [.. keep.Where(s => !forgotten.Contains(Key(s)))];
        int overlap = keep.Count - apart.Count;
        if (form == MethodForm.Reference)
            return new(forget, keep, overlap) { Form = form };
        if (overlap > 0 && apart.Count == 0)
            throw new UserException($"all {Counted.Of(keep.Count, "sequence")} of the "
                + $"keep set {Counted.Verb(keep.Count, "is", "are")} in the forget set; "
                + "expected others to keep");
        return new(forget, apart, overlap);
    }

    /// <summary>Makes the task that a method is given.</summary>
    /// <param name="model">Model to edit.</param>
    /// <param name="forget">Sequences to forget: all, or those that the model recites.</param>
    /// <param name="options">Option values of the method.</param>
    /// <param name="seed">Seed of all random numbers.</param>
    public UnlearnTask TaskOf(LanguageModel model, IReadOnlyList<PlantedSequence> forget,
        MethodSettings options, ulong seed) => new()
        {
            Model = model, Forget = Rows(forget), Keep = Rows(Keep), Clean = CleanRows(forget),
            Prompt = Recital.Given, Continuation = Recital.Continuation, Seed = seed, Form = Form,
            Options = options,
        };

    /// <summary>Returns the sequences to forget: all, or those that the model recites.</summary>
    /// <exception cref="UserException">The model recites none.</exception>
    public IReadOnlyList<PlantedSequence> ToForget(LanguageModel model)
        => OnlyMemorised ? Recited(model, Forget, Recital) : Forget;

    /// <summary>Returns the token ids of sequences.</summary>
    public static IReadOnlyList<int[]> Rows(IEnumerable<PlantedSequence> sequences)
        => [.. sequences.Select(s => s.Ids)];

    /// <summary>Returns the sequences that a model recites token for token.</summary>
    /// <exception cref="UserException">The model recites none, or none can be asked for.</exception>
    public static IReadOnlyList<PlantedSequence> Recited(
        LanguageModel model, IReadOnlyList<PlantedSequence> sequences, MemorisationOptions options)
    {
        ArgumentNullException.ThrowIfNull(sequences);
        List<PlantedSequence> recited = [.. Memorisation.Measure(model, sequences, options).Recitals
            .Where(r => r.Memorised).Select(r => sequences[r.Index])];
        return recited.Count > 0 ? recited : throw new UserException(
            $"the model recites none of {Counted.Of(sequences.Count, "sequence")}, so there is nothing to "
                + "forget");
    }

    /// <summary>Returns the known clean versions of sequences.</summary>
    public static IReadOnlyList<int[]> CleanRows(IEnumerable<PlantedSequence> sequences)
        => [.. sequences.Select(s => s.CleanIds).OfType<int[]>()];

    /// <summary>Checks that every sequence has at least two tokens and fits the context.</summary>
    /// <param name="sequences">Sequences to check.</param>
    /// <param name="set">Name of the set for the message.</param>
    /// <param name="context">Most tokens of a sequence.</param>
    /// <exception cref="UserException">A sequence is too short or too long.</exception>
    public static void RequireFits(IReadOnlyList<PlantedSequence> sequences, string set, int context)
    {
        ArgumentNullException.ThrowIfNull(sequences);
        for (int i = 0; i < sequences.Count; i++)
            if (sequences[i].Ids.Length is var n && (n < 2 || n > context))
                throw new UserException($"sequence {i + 1} of the {set} set has {n} "
                    + (n < 2 ? "token, so nothing is predicted in it; expected two or more"
                        : $"tokens; the model's context is {context}"));
    }

    static string Key(PlantedSequence s) => new(MemoryMarshal.Cast<int, char>(s.Ids));
}
