using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>A score for every feed-forward neuron; a budget removes the highest of each layer.</summary>
/// <param name="scores">[L][I]; higher is removed first, of equals the lower index.</param>
public sealed class NeuronFinding(IReadOnlyList<double[]> scores) : Finding
{
    /// <summary>[L][I]</summary>
    public IReadOnlyList<double[]> Scores => scores;

    /// <summary>The neurons that a budget removes, by layer: the first <c>(int)(I * budget)</c>.</summary>
    public static int[] Removed(double[] layer, double budget)
    {
        ArgumentNullException.ThrowIfNull(layer);
        return [.. Enumerable.Range(0, layer.Length).OrderByDescending(i => layer[i]).ThenBy(i => i)
            .Take((int)(layer.Length * UnlearningMethod.Budget(budget)))];
    }

    /// <summary>
    /// Sets column i of the matrix in and its bias to zero; with ReLU or GELU the neuron is then 0 for every
    /// input.
    /// </summary>
    public override void Apply(LanguageModel model, double budget)
    {
        ArgumentNullException.ThrowIfNull(model);
        int C = model.Config.Width, I = model.Config.Inner;
        for (int l = 0; l < scores.Count; l++)
        {
            int[] removed = Removed(scores[l], budget);
            if (removed.Length == 0)
                continue;
            NamedBlock<Tensor> block = model.Weights.Layers[l];
            float[] weight = block.MlpInWeight.ToArray(), bias = block.MlpInBias.ToArray();
            foreach (int i in removed)
            {
                bias[i] = 0;
                for (int c = 0; c < C; c++)
                    weight[c * I + i] = 0;
            }
            block.MlpInWeight.Upload(weight);
            block.MlpInBias.Upload(bias);
        }
    }
}
