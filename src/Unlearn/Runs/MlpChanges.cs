using HeadTap.Models;

namespace HeadTap.Unlearn;

/// <summary>Counts of the weights and neurons that an edit changed in one layer.</summary>
/// <param name="Layer">Index of the layer.</param>
/// <param name="Weights">Number of elements of the layer's parameters whose bits differ.</param>
/// <param name="MlpWeights">Number of these elements that are in the two feed-forward matrices.</param>
/// <param name="Neurons">Number of feed-forward neurons with a different incoming weight, bias or outgoing
/// weight.</param>
/// <param name="RemovedNeurons">Number of neurons whose incoming weights and bias are all zero now and were
/// not before.</param>
/// <param name="NeuronWeights">Number of changed weights of each neuron, its bias included, [I].</param>
public sealed record LayerChanges(
    int Layer, long Weights, long MlpWeights, int Neurons, int RemovedNeurons, int[] NeuronWeights);

/// <summary>Counts of the differences between two states of a model, bit for bit.</summary>
/// <param name="Layers">Changes by layer.</param>
/// <param name="Elsewhere">Number of differing elements outside the blocks.</param>
public sealed record MlpChanges(IReadOnlyList<LayerChanges> Layers, long Elsewhere)
{
    /// <summary>Number of differing elements of the whole model.</summary>
    public long Total => Elsewhere + Layers.Sum(l => l.Weights);

    /// <summary>Compares a model with an earlier state.</summary>
    /// <param name="model">Model in its current state.</param>
    /// <param name="before">Weights of the earlier state.</param>
    public static MlpChanges Between(WeightSnapshot before, LanguageModel model)
    {
        ArgumentNullException.ThrowIfNull(before);
        ArgumentNullException.ThrowIfNull(model);
        long elsewhere = 0;
        long[] byLayer = new long[model.Config.Layers];
        foreach (ParameterSlice slice in model.Parameters.Slices)
        {
            long differing = Differing(before[slice.Name], model.Set[slice.Name].ToArray()).Count();
            if (slice.Layer >= 0)
                byLayer[slice.Layer] += differing;
            else
                elsewhere += differing;
        }
        return new MlpChanges([.. byLayer.Select((n, l) => Layer(before, model, l, n))], elsewhere);
    }

    static LayerChanges Layer(WeightSnapshot before, LanguageModel model, int l, long weights)
    {
        int C = model.Config.Width, I = model.Config.Inner;
        int[] neurons = new int[I];
        float[] fc = Now(Role.MlpInWeight), bias = Now(Role.MlpInBias);
        float[] fcBefore = Was(Role.MlpInWeight), biasBefore = Was(Role.MlpInBias);
        long matrices = 0;
        foreach (int at in Differing(fcBefore, fc))
            (matrices, neurons[at % I]) = (matrices + 1, neurons[at % I] + 1);
        foreach (int at in Differing(biasBefore, bias))
            neurons[at]++;
        foreach (int at in Differing(Was(Role.MlpOutWeight), Now(Role.MlpOutWeight)))
            (matrices, neurons[at / C]) = (matrices + 1, neurons[at / C] + 1);
        int removed = Enumerable.Range(0, I)
            .Count(i => Off(fc, bias, i, C, I) && !Off(fcBefore, biasBefore, i, C, I));
        return new LayerChanges(l, weights, matrices, neurons.Count(n => n > 0), removed, neurons);

        float[] Now(Role role) => model.Set[role, l].ToArray();
        float[] Was(Role role) => before[model.Parameters[role, l].Name];
    }

    static bool Off(float[] fc, float[] bias, int i, int C, int I)
        => bias[i] == 0 && Enumerable.Range(0, C).All(c => fc[c * I + i] == 0);

    static IEnumerable<int> Differing(float[] a, float[] b)
        => Enumerable.Range(0, a.Length)
            .Where(i => BitConverter.SingleToInt32Bits(a[i]) != BitConverter.SingleToInt32Bits(b[i]));
}
