using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace HeadTap.Jobs;

/// <summary>The injection that the tour shows, found by <see cref="TourInjectionSearch"/>.</summary>
/// <param name="Prompt">Question.</param>
/// <param name="Answer">Right answer, with the space before it.</param>
/// <param name="Memory">Name of the country that the question describes.</param>
/// <param name="Layer">Layer that receives the memory, from 0.</param>
/// <param name="Tau">Magnitude of the memory.</param>
/// <param name="ProbabilityBefore">Probability of the right answer with its full stop, without an edit, 0 to
/// 1.</param>
/// <param name="ProbabilityAfter">Probability of the right answer with its full stop, with the edit read back
/// from its JSON, 0 to 1.</param>
/// <param name="Restored">Whether the score has the same bits as before once the edit ended.</param>
/// <param name="Edit">Memory as an edit spec.</param>
public sealed record TourInjection(string Prompt, string Answer, string Memory, int Layer, float Tau,
    double ProbabilityBefore, double ProbabilityAfter, bool Restored, JsonNode Edit)
{
    /// <summary>The edit spec as the text that was read back.</summary>
    [JsonIgnore]
    public string Spec { get; init; } = "";

    /// <summary>The text that the model writes without the edit.</summary>
    [JsonIgnore]
    public string Without { get; init; } = "";

    /// <summary>The text that the model writes with the edit.</summary>
    [JsonIgnore]
    public string With { get; init; } = "";

    /// <summary>Number of questions that were searched.</summary>
    [JsonIgnore]
    public int Tried { get; init; }

    /// <summary>The magnitudes that were tried.</summary>
    [JsonIgnore]
    public IReadOnlyList<float> Taus { get; init; } = [];

    /// <summary>Probability of the right answer, [layer][tau].</summary>
    [JsonIgnore]
    public IReadOnlyList<IReadOnlyList<double>> Probabilities { get; init; } = [];
}
