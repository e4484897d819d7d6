using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>A score for every feed-forward neuron; a budget removes the highest of each layer.</summary>
/// <param name="scores">Scores [L][I]. Higher scores are removed first, of equal ones the lower
/// index.</param>
public sealed class NeuronFinding(IReadOnlyList<double[]> scores) : Finding
{
    /// <summary>Scores of the neurons, [L][I].</summary>
    public IReadOnlyList<double[]> Scores => scores;

    /// <summary>
    /// Returns the neurons of a layer that a budget removes: the <c>(int)(I * budget)</c> with the highest
    /// scores.
    /// </summary>
    public static int[] Removed(double[] layer, double budget)
    {
        ArgumentNullException.ThrowIfNull(layer);
        return [.. Enumerable.Range(0, layer.Length).OrderByDescending(i => layer[i]).ThenBy(i => i)
            .Take((int)(layer.Length * UnlearningMethod.Budget(budget)))];
    }

    /// <summary>
    /// Sets column i of the input matrix and bias i to zero for each removed neuron i. With ReLU or GELU the
    /// neuron is then 0 for every input.
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
