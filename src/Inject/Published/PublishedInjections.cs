using HeadTap.Models;

namespace HeadTap.Inject;

/// <summary>Published probabilities of one prompt, with injections into each layer.</summary>
/// <param name="Pair">Pair of prompts.</param>
/// <param name="Explicit">Probability of the answer after the single-hop prompt.</param>
/// <param name="Obscure">Probability of the answer after the multi-hop prompt, nothing injected.</param>
/// <param name="Edits">[L]: probability of the answer after the multi-hop prompt, with an injection into each
/// layer.</param>
/// <param name="TopLayer">Layer of <paramref name="Top"/>, from 0.</param>
/// <param name="Top">Most probable tokens with the injection into that layer; empty if not published.</param>
public sealed record PublishedPrompt(PromptPair Pair, double Explicit, double Obscure,
    IReadOnlyList<double> Edits, int TopLayer, IReadOnlyList<int> Top);

/// <summary>Published gain over a whole data set at one layer and magnitude.</summary>
/// <param name="File">Path of the data set in the published repository.</param>
/// <param name="Layer">Layer, from 0; the paper counts from 1.</param>
/// <param name="Tau">Magnitude of the memory.</param>
/// <param name="Gain"><see cref="TrimmedMeanGain"/>, percent.</param>
public sealed record PublishedCell(string File, int Layer, float Tau, double Gain);

/// <summary>
/// Numbers that the authors of arXiv 2309.05605 published for a model. They use weights processed by
/// TransformerLens, a begin-of-text token, the encoder <c>unembed</c> and every position.
/// </summary>
/// <param name="Model">Name of the model, as in <see cref="PublishedModel.Name"/>.</param>
/// <param name="Tau">Magnitude for <paramref name="Prompts"/>.</param>
/// <param name="Prompts">Prompts with their published probabilities.</param>
/// <param name="Cells">Published gains over whole data sets.</param>
public sealed record PublishedInjections(string Model, float Tau,
    IReadOnlyList<PublishedPrompt> Prompts, IReadOnlyList<PublishedCell> Cells)
{
    const string Hand = "data/handwritten_obscure_explicit_data.csv";

    /// <summary>
    /// Published numbers of GPT-2 small and large. Probabilities have six decimals and are from
    /// experiments/tweak_factor_analysis in the repository msakarvadia/memory_injections. Gains have the
    /// three decimals of their recomputation.
    /// </summary>
    public static IReadOnlyList<PublishedInjections> All { get; } =
    [
        new("gpt2", 3,
        [
            new(new("George Washington fought in the",
                    "The first president of the United States fought in the",
                    "George Washington", "Revolutionary War"),
                0.247172, 0.066964,
                [0.000005, 0.061107, 0.043294, 0.052788, 0.031331, 0.044526,
                    0.075495, 0.059296, 0.060842, 0.065233, 0.065472, 0.078252],
                6, [10836, 7511, 28105, 1175, 5838, 6983]),
            new(new("The president lives in the", "The leader of the United States lives in the",
                    "The president", "White House"),
                0.090024, 0.017390,
                [0.003403, 0.014126, 0.011615, 0.019780, 0.032497, 0.044748,
                    0.059951, 0.053230, 0.061327, 0.064557, 0.057091, 0.033789],
                6, [2635, 976, 1578, 1499, 3504, 1748]),
            new(new("St. Peter's Basilica is in the city of",
                    "The biggest church in the world is in the city of",
                    "St. Peter's Basilica", "Rome"),
                0.058080, 0.037181,
                [0.000103, 0.118440, 0.091977, 0.069427, 0.073647, 0.116157,
                    0.112474, 0.104706, 0.132249, 0.098079, 0.064799, 0.037438],
                6, [10598, 520, 10843, 28537, 21574, 3576]),
        ],
        [new(Hand, 6, 3, 44.895), new("data/multi_hop_1000.csv", 5, 5, 423.734)]),
        new("gpt2-large", 10, [], [new(Hand, 13, 10, 68.471)]),
    ];
}
