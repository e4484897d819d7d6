using System.Runtime.InteropServices;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>
/// Sequences to forget and to keep, checked against each other and against a model, and how a model is
/// measured on them.
/// </summary>
/// <param name="Forget">At least one.</param>
/// <param name="Keep">Without those that are to be forgotten too, in corrected form.</param>
/// <param name="Overlap">How many sequences of the keep set, as it was given, are to be forgotten
/// too.</param>
public sealed record UnlearnData(
    IReadOnlyList<PlantedSequence> Forget, IReadOnlyList<PlantedSequence> Keep, int Overlap)
{
    /// <summary>Which reading of the methods.</summary>
    public MethodForm Form { get; init; }

    /// <summary>The sequences on which memorisation is measured; those to forget unless set.</summary>
    public IReadOnlyList<PlantedSequence> Asked
    {
        get => field ?? Forget;
        init;
    }

    /// <summary>How they are asked for.</summary>
    public MemorisationOptions Recital { get; init; } = new(1, 1);

    /// <summary>Whether only the sequences that the model recites are to be forgotten.</summary>
    public bool OnlyMemorised { get; init; }

    /// <summary>How many rows of the keep set are measured, from the first; null for all.</summary>
    public int? KeepRows { get; init; }

    /// <summary>Rows of each test file of a sweep.</summary>
    public IReadOnlyList<IReadOnlyList<int[]>> Tests { get; init; } = [];

    /// <summary>The token that fills test rows up to the context; null measures no padded accuracy.</summary>
    public int? PadToken { get; init; }

    /// <summary>Rows of the keep set that are measured.</summary>
    public IReadOnlyList<int[]> MeasuredKeep => Rows(Keep.Take(KeepRows ?? Keep.Count));

    /// <summary>Checks the sets.</summary>
    /// <remarks>
    /// The reference's clean set holds the noised sequences themselves; the reference form leaves them
    /// there, the corrected one takes them out.
    /// </remarks>
    /// <param name="forget">To forget.</param>
    /// <param name="keep">To keep; empty for none.</param>
    /// <param name="form">Whether sequences in both sets are taken out of the keep set.</param>
    /// <param name="config">Of the model.</param>
    /// <exception cref="UserException">Nothing is to be forgotten, a sequence has fewer than two tokens or
    /// more than the context, or all that was to be kept is to be forgotten.</exception>
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
            throw new UserException($"all {keep.Count} sequences of the keep set are in the forget set; "
                + "expected others to keep");
        return new(forget, apart, overlap);
    }

    /// <summary>What a method gets.</summary>
    /// <param name="model">The model.</param>
    /// <param name="forget">The sequences to forget: all, or those that the model recites.</param>
    /// <param name="options">Options of the method.</param>
    /// <param name="seed">Of everything that is drawn.</param>
    public UnlearnTask TaskOf(LanguageModel model, IReadOnlyList<PlantedSequence> forget,
        MethodSettings options, ulong seed) => new()
        {
            Model = model, Forget = Rows(forget), Keep = Rows(Keep), Clean = CleanRows(forget),
            Prompt = Recital.Prompt, Continuation = Recital.Continuation, Seed = seed, Form = Form,
            Options = options,
        };

    /// <summary>The sequences to forget: all, or those that the model recites.</summary>
    /// <exception cref="UserException">It recites none.</exception>
    public IReadOnlyList<PlantedSequence> ToForget(LanguageModel model)
        => OnlyMemorised ? Recited(model, Forget, Recital) : Forget;

    /// <summary>The rows of sequences.</summary>
    public static IReadOnlyList<int[]> Rows(IEnumerable<PlantedSequence> sequences)
        => [.. sequences.Select(s => s.Ids)];

    /// <summary>Those of some sequences that a model recites, token for token.</summary>
    /// <exception cref="UserException">It recites none, or none can be asked for.</exception>
    public static IReadOnlyList<PlantedSequence> Recited(
        LanguageModel model, IReadOnlyList<PlantedSequence> sequences, MemorisationOptions options)
    {
        ArgumentNullException.ThrowIfNull(sequences);
        List<PlantedSequence> recited = [.. Memorisation.Measure(model, sequences, options).Recitals
            .Where(r => r.Memorised).Select(r => sequences[r.Index])];
        return recited.Count > 0 ? recited : throw new UserException(
            $"the model recites none of {sequences.Count} sequences, so there is nothing to forget");
    }

    /// <summary>The clean versions of those sequences of which one is known.</summary>
    public static IReadOnlyList<int[]> CleanRows(IEnumerable<PlantedSequence> sequences)
        => [.. sequences.Select(s => s.CleanIds).OfType<int[]>()];

    /// <summary>Refuses sequences that cannot be run.</summary>
    /// <param name="sequences">The set.</param>
    /// <param name="set">Its name, for the message.</param>
    /// <param name="context">Most tokens.</param>
    /// <exception cref="UserException">One cannot.</exception>
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
