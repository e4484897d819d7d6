using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace HeadTap.Jobs;

/// <summary>The injection that the tour shows; <see cref="TourInjectionSearch"/> finds it.</summary>
/// <param name="Prompt">The question.</param>
/// <param name="Answer">The right answer, with the space before it.</param>
/// <param name="Memory">The country that the question goes round.</param>
/// <param name="Layer">Where the memory is added, from 0.</param>
/// <param name="Tau">Its magnitude.</param>
/// <param name="ProbabilityBefore">Of the right answer with its full stop, no edit in force.</param>
/// <param name="ProbabilityAfter">The same under the edit, read back from its JSON.</param>
/// <param name="Restored">Whether the score after the edit ended has the same bits as before.</param>
/// <param name="Edit">The memory as an edit spec.</param>
public sealed record TourInjection(string Prompt, string Answer, string Memory, int Layer, float Tau,
    double ProbabilityBefore, double ProbabilityAfter, bool Restored, JsonNode Edit)
{
    /// <summary>The edit spec as the text that was read back.</summary>
    [JsonIgnore]
    public string Spec { get; init; } = "";

    /// <summary>What the model writes without the edit.</summary>
    [JsonIgnore]
    public string Without { get; init; } = "";

    /// <summary>What the model writes with it.</summary>
    [JsonIgnore]
    public string With { get; init; } = "";

    /// <summary>Questions that took part in the search.</summary>
    [JsonIgnore]
    public int Tried { get; init; }

    /// <summary>The magnitudes that were tried.</summary>
    [JsonIgnore]
    public IReadOnlyList<float> Taus { get; init; } = [];

    /// <summary>[layer][tau] the right answer's probability.</summary>
    [JsonIgnore]
    public IReadOnlyList<IReadOnlyList<double>> Probabilities { get; init; } = [];
}
