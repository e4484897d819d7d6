using System.Text.Json.Nodes;

namespace HeadTap.Unlearn;

/// <summary>What a cell changed in one layer.</summary>
/// <param name="Layer">l</param>
/// <param name="Weights">Elements of all its parameters whose bits differ.</param>
/// <param name="MlpWeights">Of those, elements of its two feed-forward matrices.</param>
/// <param name="MlpWeightsOf">Elements these have.</param>
/// <param name="Neurons">Feed-forward neurons touched.</param>
/// <param name="RemovedNeurons">Of those, neurons that are off for every input now.</param>
/// <param name="NeuronsOf">Neurons there are.</param>
/// <param name="Bins">Changed weights of neurons, in at most 64 equal runs of neurons.</param>
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

/// <summary>A finished cell: one line of a sweep's table.</summary>
/// <param name="Cell">Its number in the plan.</param>
/// <param name="Checkpoint">Which model.</param>
/// <param name="Method">The method's name.</param>
/// <param name="Options">Options that were given, by their names.</param>
/// <param name="Seed">Null where the method draws nothing.</param>
/// <param name="Budget">0 to 1.</param>
/// <param name="Error">Why the method cannot run here; then there are no measures after.</param>
/// <param name="Before">The model as it was; null where it cannot be measured.</param>
/// <param name="After">The edited model.</param>
/// <param name="FindSeconds">Finding what to change, once for all budgets.</param>
/// <param name="ApplySeconds">Changing it.</param>
/// <param name="ChangedElsewhere">Changed weights outside of the layers.</param>
/// <param name="Layers">By layer.</param>
public sealed record SweepRow(int Cell, int Checkpoint, string Method, JsonObject Options, ulong? Seed,
    double Budget, string? Error, SweepMeasures? Before, SweepMeasures? After, double FindSeconds,
    double ApplySeconds, long ChangedElsewhere, IReadOnlyList<SweepLayer> Layers)
{
    /// <summary>Time of the cell had it been alone.</summary>
    public double Seconds() => FindSeconds + ApplySeconds;
}
