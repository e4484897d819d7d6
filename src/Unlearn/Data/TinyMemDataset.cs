using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>A TinyMem data set: training rows, planted rows, and test rows.</summary>
/// <param name="Options">Options that the data set was made with.</param>
/// <param name="VocabSize">Size of the vocabulary, V.</param>
/// <param name="Train">Training rows in order, without padding; they include the copies of planted
/// rows.</param>
/// <param name="Clean">Training rows without anything planted, each once.</param>
/// <param name="Planted">Planted rows, each once.</param>
/// <param name="HeldOut">Rows with the trigger that are not trained on; empty without a backdoor.</param>
/// <param name="Tests">Held-out clean rows by task: "7", "2", … or "text".</param>
public sealed record TinyMemDataset(
    TinyMemOptions Options, int VocabSize, IReadOnlyList<int[]> Train, IReadOnlyList<int[]> Clean,
    IReadOnlyList<PlantedSequence> Planted, IReadOnlyList<PlantedSequence> HeldOut,
    IReadOnlyList<(string Task, IReadOnlyList<int[]> Rows)> Tests)
{
    /// <summary>The token that fills rows up to the context; null if all rows are full (language).</summary>
    public int? Padding => Options.Kind is null ? null : MathAlphabet.Pad;

    /// <summary>
    /// Returns a row as it is trained on: padded to the context if there is a padding token.
    /// </summary>
    public int[] Padded(int[] row) => Padding is null ? row : MathAlphabet.Padded(row, Options.Context);

    /// <summary>
    /// The planted rows that (n, k) memorisation can be measured on: those that differ from their clean
    /// version in the continuation.
    /// </summary>
    public IReadOnlyList<PlantedSequence> Measurable => [.. Planted.Where(p =>
        p.Prompt is not null || (p.Ids.Length >= Options.Prompt + Options.Continuation
            && p.DiffersIn(Options.Prompt, Options.Prompt + Options.Continuation)))];

    /// <summary>Makes a data set from texts; the same options and texts give the same rows.</summary>
    /// <param name="options">Sizes, and what is planted.</param>
    /// <param name="documents">Token ids of the texts, in order.</param>
    /// <param name="vocabSize">Size of the vocabulary, V.</param>
    /// <exception cref="UserException">An option is wrong, or the text is too short.</exception>
    public static TinyMemDataset Language(
        TinyMemOptions options, IEnumerable<int[]> documents, int vocabSize)
        => LanguageData.Generate(options, documents, vocabSize);

    /// <summary>Generates a data set of mathematics; the same options give the same rows.</summary>
    /// <exception cref="UserException">An option is wrong, or no row holds the trigger.</exception>
    public static TinyMemDataset Math(TinyMemOptions options) => MathData.Generate(options);
}
