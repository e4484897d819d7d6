using HeadTap.Models;

namespace HeadTap.Unlearn;

/// <summary>
/// The loss of rows when every neuron's activation is multiplied by a number of its own, and its gradient by
/// those numbers. mask_i a_i is row i of the matrix out times mask_i, so with W' = mask W
/// dL/dmask_i = sum_j dL/dW'_ij W_ij, exactly. The weights are what they were when it is disposed.
/// </summary>
sealed class NeuronMask : IDisposable
{
    readonly LanguageModel _model;
    readonly WeightSnapshot _weights;
    readonly RowGradients _rows;

    /// <param name="model">Whose neurons.</param>
    /// <param name="longest">Tokens of the longest row that will come.</param>
    internal NeuronMask(LanguageModel model, int longest)
    {
        _model = model;
        IReadOnlySet<string> names = model.Parameters.InBlocks([Role.MlpOutWeight])
            .Select(s => s.Name).ToHashSet();
        _weights = WeightSnapshot.Of(model, names);
        _rows = new RowGradients(model, names, longest);
    }

    /// <summary>Adds dL/dmask, and returns L: the mean loss over all positions of the rows.</summary>
    /// <param name="rows">Token ids.</param>
    /// <param name="mask">[L][I]</param>
    /// <param name="gradient">[L][I]; added into.</param>
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
