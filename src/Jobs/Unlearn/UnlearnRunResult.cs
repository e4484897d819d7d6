using System.Text.Json.Serialization;
using HeadTap.Unlearn;

namespace HeadTap.Jobs;

/// <summary>What an edit did.</summary>
/// <param name="Method">The method's name.</param>
/// <param name="Budget">What it was allowed, 0 to 1.</param>
/// <param name="Forget">Sequences that were to be forgotten.</param>
/// <param name="Keep">Sequences to keep.</param>
/// <param name="Overlap">Sequences that were in both sets.</param>
/// <param name="Before">The model as it was.</param>
/// <param name="After">The edited model.</param>
/// <param name="Seconds">Time of finding and applying.</param>
/// <param name="FindSeconds">Time of finding what to change.</param>
/// <param name="ApplySeconds">Time of changing it.</param>
/// <param name="ChangedWeights">Weights whose bits differ.</param>
/// <param name="Layers">By layer.</param>
/// <param name="ParentHash">SHA-256 of the unedited model's folder, hexadecimal.</param>
public sealed record UnlearnRunResult(string Method, double Budget, int Forget, int Keep, int Overlap,
    EditedScore Before, EditedScore After, double Seconds, double FindSeconds, double ApplySeconds,
    long ChangedWeights, IReadOnlyList<EditedLayer> Layers, string ParentHash)
{
    /// <summary>The method's title and what its budget is a share of.</summary>
    [JsonIgnore]
    public (string Title, string BudgetOf) Words { get; init; }

    /// <summary>Weights that differ outside of the layers.</summary>
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
        };
}

/// <summary>What a model recites, and how well it predicts the keep set.</summary>
/// <param name="Asked">Sequences that were asked for.</param>
/// <param name="Memorised">Share that is continued token for token, 0 to 1.</param>
/// <param name="Loose">Share whose Levenshtein similarity is at least 0.75.</param>
/// <param name="Similarity">Mean Levenshtein similarity, 0 to 1.</param>
/// <param name="Correct">Share continued as the clean version goes on.</param>
/// <param name="KeepLoss">Mean loss of the keep set, nats; null where it is not finite or there is no
/// set.</param>
/// <param name="KeepAccuracy">Token accuracy of the keep set, 0 to 1; null as above.</param>
public sealed record EditedScore(int Asked, double Memorised, double Loose, double Similarity, double Correct,
    double? KeepLoss,
    double? KeepAccuracy)
{
    internal static EditedScore Of(UnlearnScore score) => new(score.Recited.Recitals.Count,
        score.Recited.Strict, score.Recited.Loose, score.Recited.MeanSimilarity, score.Recited.Correct,
        score.Keep?.Loss, score.Keep?.Accuracy);
}

/// <summary>What an edit changed in one layer.</summary>
/// <param name="Layer">l</param>
/// <param name="Weights">Weights whose bits differ.</param>
/// <param name="MlpWeights">Of those, weights of the two feed-forward matrices.</param>
/// <param name="Neurons">Feed-forward neurons of which a weight or the bias differs.</param>
/// <param name="RemovedNeurons">Neurons whose incoming weights and bias became zero.</param>
public sealed record EditedLayer(int Layer, long Weights, long MlpWeights, int Neurons, int RemovedNeurons);
