using HeadTap.Models;

namespace HeadTap.Unlearn;

/// <summary>What an edit changed in one layer.</summary>
/// <param name="Layer">l</param>
/// <param name="Weights">Elements of all its parameters whose bits differ.</param>
/// <param name="MlpWeights">Of those, elements of its two feed-forward matrices.</param>
/// <param name="Neurons">Feed-forward neurons of which an incoming weight, the bias or an outgoing weight
/// differs.</param>
/// <param name="RemovedNeurons">Neurons whose incoming weights and bias are all zero now, and were
/// not.</param>
/// <param name="NeuronWeights">[I]: how many of a neuron's own weights changed.</param>
public sealed record LayerChanges(
    int Layer, long Weights, long MlpWeights, int Neurons, int RemovedNeurons, int[] NeuronWeights);

/// <summary>Where two states of a model differ, bit for bit.</summary>
/// <param name="Layers">By layer.</param>
/// <param name="Elsewhere">Differing elements outside of the blocks.</param>
public sealed record MlpChanges(IReadOnlyList<LayerChanges> Layers, long Elsewhere)
{
    /// <summary>Differing elements of the whole model.</summary>
    public long Total => Elsewhere + Layers.Sum(l => l.Weights);

    /// <summary>Compares the model with what it was.</summary>
    /// <param name="model">As it is.</param>
    /// <param name="before">As it was.</param>
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
