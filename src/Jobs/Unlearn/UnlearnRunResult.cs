using System.Text.Json.Serialization;
using HeadTap.Unlearn;

namespace HeadTap.Jobs;

/// <summary>The effect of an edit.</summary>
/// <param name="Method">Name of the method.</param>
/// <param name="Budget">Budget, 0 to 1.</param>
/// <param name="Forget">Number of sequences to forget.</param>
/// <param name="Keep">Number of sequences to keep.</param>
/// <param name="Overlap">Number of sequences in both sets.</param>
/// <param name="Before">Measures of the model before the edit.</param>
/// <param name="After">Measures of the edited model.</param>
/// <param name="Seconds">Time to find and apply the change, seconds.</param>
/// <param name="FindSeconds">Time to find what to change, seconds.</param>
/// <param name="ApplySeconds">Time to apply the change, seconds.</param>
/// <param name="ChangedWeights">Number of weights whose bits differ.</param>
/// <param name="Layers">Changes by layer.</param>
/// <param name="ParentHash">SHA-256 of the unedited model's folder, hexadecimal.</param>
public sealed record UnlearnRunResult(string Method, double Budget, int Forget, int Keep, int Overlap,
    EditedScore Before, EditedScore After, double Seconds, double FindSeconds, double ApplySeconds,
    long ChangedWeights, IReadOnlyList<EditedLayer> Layers, string ParentHash)
{
    /// <summary>Token id before each sequence; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Bos { get; init; }

    /// <summary>The title of the method, and what its budget is a share of.</summary>
    [JsonIgnore]
    public (string Title, string BudgetOf) Words { get; init; }

    /// <summary>Number of weights outside the layers whose bits differ.</summary>
    [JsonIgnore]
    public long ChangedElsewhere { get; init; }

    internal static UnlearnRunResult Of(UnlearningMethod method, double budget, UnlearnData data, int forget,
        UnlearnRun done, string parentHash) => new(method.Name, budget, forget, data.Keep.Count, data.Overlap,
            EditedScore.Of(done.Before), EditedScore.Of(done.After), done.FindSeconds + done.ApplySeconds,
            done.FindSeconds, done.ApplySeconds, done.Changes.Total,
            [.. done.Changes.Layers.Select(l => new EditedLayer(
                l.Layer, l.Weights, l.MlpWeights, l.Neurons, l.RemovedNeurons))], parentHash)
        {
            Words = (method.Title, method.BudgetOf), ChangedElsewhere = done.Changes.Elsewhere,
            Bos = data.Recital.Bos,
        };
}

/// <summary>What a model recites, and how well it predicts the keep set.</summary>
/// <param name="Asked">Number of sequences that were asked for.</param>
/// <param name="Memorised">Share of them that the model continues token for token, 0 to 1.</param>
/// <param name="Loose">Share of them with a Levenshtein similarity of at least 0.75.</param>
/// <param name="Similarity">Mean Levenshtein similarity, 0 to 1.</param>
/// <param name="Correct">Share of them that the model continues like the clean version.</param>
/// <param name="KeepLoss">Mean loss on the keep set, nats; null if it is not finite or there is no
/// set.</param>
/// <param name="KeepAccuracy">Token accuracy on the keep set, 0 to 1; null without a set.</param>
public sealed record EditedScore(int Asked, double Memorised, double Loose, double Similarity, double Correct,
    double? KeepLoss,
    double? KeepAccuracy)
{
    internal static EditedScore Of(UnlearnScore score) => new(score.Recited.Recitals.Count,
        score.Recited.Strict, score.Recited.Loose, score.Recited.MeanSimilarity, score.Recited.Correct,
        score.Keep?.Loss, score.Keep?.Accuracy);
}

/// <summary>Counts of the weights and neurons that an edit changed in one layer.</summary>
/// <param name="Layer">Index of the layer.</param>
/// <param name="Weights">Number of weights whose bits differ.</param>
/// <param name="MlpWeights">Number of these weights in the two feed-forward matrices.</param>
/// <param name="Neurons">Number of feed-forward neurons with a different weight or bias.</param>
/// <param name="RemovedNeurons">Number of neurons whose incoming weights and bias became zero.</param>
public sealed record EditedLayer(int Layer, long Weights, long MlpWeights, int Neurons, int RemovedNeurons);
