using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace HeadTap.Unlearn;

/// <summary>Counts of the weights and neurons that a cell changed in one layer.</summary>
/// <param name="Layer">Index of the layer.</param>
/// <param name="Weights">Number of elements of the layer's parameters whose bits differ.</param>
/// <param name="MlpWeights">Number of these elements that are in the two feed-forward matrices.</param>
/// <param name="MlpWeightsOf">Number of elements of the two feed-forward matrices.</param>
/// <param name="Neurons">Number of feed-forward neurons with a changed weight.</param>
/// <param name="RemovedNeurons">Number of these neurons that are now off for every input.</param>
/// <param name="NeuronsOf">Number of feed-forward neurons of the layer.</param>
/// <param name="Bins">Number of changed weights in each of at most 64 equally long runs of neurons.</param>
public sealed record SweepLayer(int Layer, long Weights, long MlpWeights, long MlpWeightsOf, int Neurons,
    int RemovedNeurons, int NeuronsOf, IReadOnlyList<int> Bins)
{
    const int MostBins = 64;

    internal static SweepLayer Of(LayerChanges changes, int width)
    {
        int I = changes.NeuronWeights.Length, run = (I + MostBins - 1) / MostBins;
        return new(changes.Layer, changes.Weights, changes.MlpWeights, 2L * width * I, changes.Neurons,
            changes.RemovedNeurons, I, [.. changes.NeuronWeights.Chunk(run).Select(c => c.Sum())]);
    }
}

/// <summary>What an edited model recites when its weights are compressed.</summary>
/// <param name="After">Name of the compression: quantise:int4, prune:0.3.</param>
/// <param name="Memorised">Share that the model continues token for token.</param>
/// <param name="Loose">Share with a similarity of at least 0.75.</param>
/// <param name="Similarity">Mean of 1 - Levenshtein distance / k.</param>
public sealed record CompressedRecall(string After, double Memorised, double Loose, double Similarity);

/// <summary>The result of one cell: one line of a sweep's table.</summary>
/// <param name="Cell">Number of the cell in the plan.</param>
/// <param name="Checkpoint">Index of the model.</param>
/// <param name="Method">Name of the method.</param>
/// <param name="Options">Given option values by JSON name.</param>
/// <param name="Seed">Seed; null if the method draws no random numbers.</param>
/// <param name="Budget">Budget, 0 to 1.</param>
/// <param name="Error">Reason why the method cannot run; null if it ran. With an error,
/// <paramref name="After"/> is null.</param>
/// <param name="Before">Measures of the model before the edit; null if it cannot be measured.</param>
/// <param name="After">Measures of the edited model.</param>
/// <param name="FindSeconds">Time to find what to change, seconds; shared by all budgets.</param>
/// <param name="ApplySeconds">Time to apply the change, seconds.</param>
/// <param name="ChangedElsewhere">Number of changed weights outside the layers.</param>
/// <param name="Layers">Changes by layer.</param>
public sealed record SweepRow(int Cell, int Checkpoint, string Method, JsonObject Options, ulong? Seed,
    double Budget, string? Error, SweepMeasures? Before, SweepMeasures? After, double FindSeconds,
    double ApplySeconds, long ChangedElsewhere, IReadOnlyList<SweepLayer> Layers)
{
    /// <summary>What the edited model recites when it is compressed; null where that was not asked.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<CompressedRecall>? Compressed { get; init; }

    /// <summary>Returns the time that the cell alone would take, seconds.</summary>
    public double Seconds() => FindSeconds + ApplySeconds;
}
