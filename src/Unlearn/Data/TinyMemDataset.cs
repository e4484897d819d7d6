using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>A TinyMem data set: what a model is trained on, what was planted in it, and its tests.</summary>
/// <param name="Options">What it was made of.</param>
/// <param name="VocabSize">V.</param>
/// <param name="Train">Training rows in order, copies of planted ones included; without padding.</param>
/// <param name="Clean">The training rows of which nothing was planted, each once.</param>
/// <param name="Planted">The planted rows, each once.</param>
/// <param name="HeldOut">Triggered rows that are not trained on; empty without a backdoor.</param>
/// <param name="Tests">Held-out clean rows by task: "7", "2", … or "text".</param>
public sealed record TinyMemDataset(
    TinyMemOptions Options, int VocabSize, IReadOnlyList<int[]> Train, IReadOnlyList<int[]> Clean,
    IReadOnlyList<PlantedSequence> Planted, IReadOnlyList<PlantedSequence> HeldOut,
    IReadOnlyList<(string Task, IReadOnlyList<int[]> Rows)> Tests)
{
    /// <summary>The token that fills rows up; null where rows are full (language).</summary>
    public int? Padding => Options.Kind is null ? null : MathAlphabet.Pad;

    /// <summary>A row as it is trained on: padded to the context where there is a padding token.</summary>
    public int[] Padded(int[] row) => Padding is null ? row : MathAlphabet.Padded(row, Options.Context);

    /// <summary>
    /// The planted rows of which (n, k) memorisation can speak: they and their clean versions differ in the
    /// continuation.
    /// </summary>
    public IReadOnlyList<PlantedSequence> Measurable => [.. Planted.Where(p =>
        p.Prompt is not null || (p.Ids.Length >= Options.Prompt + Options.Continuation
            && p.DiffersIn(Options.Prompt, Options.Prompt + Options.Continuation)))];

    /// <summary>Makes a data set of a text; the same options and text give the same rows.</summary>
    /// <param name="options">Sizes, and what is planted.</param>
    /// <param name="documents">Token ids, in order.</param>
    /// <param name="vocabSize">V.</param>
    /// <exception cref="UserException">An option is wrong, or the text is too short.</exception>
    public static TinyMemDataset Language(
        TinyMemOptions options, IEnumerable<int[]> documents, int vocabSize)
        => LanguageData.Generate(options, documents, vocabSize);

    /// <summary>Generates a data set of mathematics; the same options give the same rows.</summary>
    /// <exception cref="UserException">An option is wrong, or no row holds the trigger.</exception>
    public static TinyMemDataset Math(TinyMemOptions options) => MathData.Generate(options);
}
