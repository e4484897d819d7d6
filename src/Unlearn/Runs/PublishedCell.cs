using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>The published figures of one method.</summary>
/// <param name="Memorised">Share of the sequences that are memorised, 0 to 1.</param>
/// <param name="Accuracy">Mean accuracy of five tests, padding included, 0 to 1; null if perplexity was
/// published instead.</param>
/// <param name="Perplexity">Mean perplexity over batches; null if accuracy was published instead.</param>
/// <param name="Seconds">Time in seconds on one A100; null if none was published.</param>
public sealed record PublishedFigures(
    double Memorised, double? Accuracy, double? Perplexity, double? Seconds);

/// <summary>
/// The published table of one model and artefact: TinyMem with 4 layers at its last epoch, with the best run
/// of each method (result files of arXiv 2410.02159).
/// </summary>
/// <param name="Name">Name of the table in options.</param>
/// <param name="Title">Name of the table in reports.</param>
/// <param name="Figures">Figures by method name; <c>none</c> is the model before unlearning.</param>
public sealed record PublishedCell(
    string Name, string Title, IReadOnlyDictionary<string, PublishedFigures> Figures)
{
    /// <summary>All published tables.</summary>
    public static IReadOnlyList<PublishedCell> All { get; } =
    [
        Maths("math-noise", "multiplicative task, noise, epoch 3500", [
            ("none", 34.73, 96.98, null), ("greedy", 5.98, 95.88, 17.3), ("durable", 0.76, 94.27, 0.35),
            ("durable-agg", 0.98, 94.34, 0.27), ("second-order", 0.81, 87.02, 313),
            ("subnet", 0.82, 92.83, 0.21), ("balanced-subnet", 0, 96.85, 55.1),
            ("hard-concrete", 9.11, 94.66, null), ("slimming", 2.98, 90.32, null),
            ("zero", 29.25, 92.87, null), ("activations", 0, 87.41, null),
            ("integrated-gradients", 0.61, 87.70, null),
        ]),
        Maths("math-backdoor", "multiplicative task, backdoor, epoch 500", [
            ("none", 99.46, 96.97, null), ("greedy", 66.40, 92.94, 175), ("durable", 28.03, 85.83, 0.23),
            ("durable-agg", 24.69, 86.18, 0.29), ("second-order", 49.14, 76.11, 345),
            ("subnet", 1.10, 61.63, 0.23), ("balanced-subnet", 0, 96.87, 112),
            ("hard-concrete", 0.16, 96.94, null), ("slimming", 25.25, 95.98, null),
            ("zero", 99.46, 96.98, 30.7), ("activations", 0, 96.36, null),
            ("integrated-gradients", 0, 95.50, null),
        ]),
        Language("wiki-noise", "WikiText, noise, epoch 100", [
            ("none", 14.47, 56.39), ("greedy", 1.08, 62.89), ("durable", 0.72, 59.05),
            ("durable-agg", 0.72, 75.90), ("subnet", 0, 60.08), ("balanced-subnet", 0, 57.17),
            ("hard-concrete", 0, 73.12), ("slimming", 0, 57.58), ("zero", 0, 56.85),
            ("activations", 0, 58.74),
        ]),
        Language("wiki-backdoor", "WikiText, backdoor, epoch 50", [
            ("none", 100, 70.65), ("greedy", 100, 77.31), ("durable", 100, 70.93),
            ("durable-agg", 100, 71.06), ("subnet", 98.5, 672), ("balanced-subnet", 2.05, 82.66),
            ("hard-concrete", 100, 70.47), ("slimming", 100, 70.57), ("zero", 100, 70.63),
            ("activations", 97.4, 88.9),
        ]),
    ];

    /// <summary>Returns the table of a name.</summary>
    /// <exception cref="UserException">No table has that name.</exception>
    public static PublishedCell Named(string name) => All.FirstOrDefault(c => c.Name == name)
        ?? throw new UserException($"{Quoted.Name(name)} is no published table; expected one of "
            + string.Join(", ", All.Select(c => c.Name))
            + NearestName.Hint(name, All.Select(c => c.Name)));

    static PublishedCell Maths(
        string name, string title, (string Method, double Memorised, double Accuracy, double? Seconds)[] rows)
        => new(name, title, rows.ToDictionary(r => r.Method,
            r => new PublishedFigures(r.Memorised / 100, r.Accuracy / 100, null, r.Seconds)));

    static PublishedCell Language(
        string name, string title, (string Method, double Memorised, double Perplexity)[] rows)
        => new(name, title, rows.ToDictionary(r => r.Method,
            r => new PublishedFigures(r.Memorised / 100, null, r.Perplexity, null)));
}
