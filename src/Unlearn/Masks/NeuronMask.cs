using HeadTap.Models;

namespace HeadTap.Unlearn;

/// <summary>
/// Computes the loss L with every neuron's activation a_i multiplied by mask_i, and dL/dmask. Multiplying a_i
/// is the same as multiplying row i of the output matrix W, so with W'_ij = mask_i W_ij, dL/dmask_i = sum_j
/// dL/dW'_ij W_ij exactly. Dispose restores the weights.
/// </summary>
sealed class NeuronMask : IDisposable
{
    readonly LanguageModel _model;
    readonly WeightSnapshot _weights;
    readonly RowGradients _rows;

    /// <param name="model">Model whose neurons are masked.</param>
    /// <param name="longest">Number of tokens of the longest row.</param>
    internal NeuronMask(LanguageModel model, int longest)
    {
        _model = model;
        IReadOnlySet<string> names = model.Parameters.InBlocks([Role.MlpOutWeight])
            .Select(s => s.Name).ToHashSet();
        _weights = WeightSnapshot.Of(model, names);
        _rows = new RowGradients(model, names, longest);
    }

    /// <summary>
    /// Adds dL/dmask, and returns L, the mean loss over all positions of the rows, in nats.
    /// </summary>
    /// <param name="rows">Token ids of the rows.</param>
    /// <param name="mask">Factors of the neurons [L][I].</param>
    /// <param name="gradient">Gradient of the factors [L][I]; added into.</param>
    internal double Add(IReadOnlyList<int[]> rows, double[][] mask, double[][] gradient)
    {
        int C = _model.Config.Width;
        for (int l = 0; l < mask.Length; l++)
            _model.Set[Name(l)].Upload(
                [.. _weights[Name(l)].Select((w, at) => (float)(w * mask[l][at / C]))]);
        _rows.Clear();
        double loss = _rows.AddMean(rows);
        for (int l = 0; l < mask.Length; l++)
        {
            float[] dW = _rows.Gradients.Set[Name(l)].ToArray(), W = _weights[Name(l)];
            for (int at = 0; at < W.Length; at++)
                gradient[l][at / C] += (double)dW[at] * W[at];
        }
        return loss;
    }

    public void Dispose()
    {
        _weights.Restore(_model);
        _rows.Dispose();
    }

    string Name(int l) => _model.Parameters[Role.MlpOutWeight, l].Name;
}
