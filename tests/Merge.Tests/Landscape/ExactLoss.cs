using HeadTap.Models;
using HeadTap.Reference;

namespace HeadTap.Merge.Tests;

/// <summary>The loss of a small model and its gradient by all weights, by the textbook in float64.</summary>
sealed class ExactLoss(ModelConfig config, IReadOnlyList<int[]> texts)
{
    readonly ParameterLayout _layout = new(config);
    readonly Gpt2Sizes _sizes = new(config.VocabSize, config.ContextLength, config.Width, config.Layers,
        config.Heads, config.Inner);

    internal int Length => (int)_layout.TotalLength;

    /// <summary>Mean loss over all predicted tokens and its gradient at flat weights.</summary>
    internal (double Loss, double[] Gradient) At(double[] flat)
    {
        Dictionary<string, double[]> parameters = _layout.Slices.ToDictionary(s => s.Name,
            s => flat.AsSpan((int)s.Offset, (int)s.Length).ToArray());
        int counted = texts.Sum(t => t.Length - 1);
        double loss = 0;
        double[] gradient = new double[Length];
        foreach (int[] text in texts)
        {
            ParameterGradients<double> found = Gpt2Reference.Backward(
                _sizes, parameters, text, [.. text[1..], -1], counted: counted);
            loss += found.Loss;
            foreach (ParameterSlice slice in _layout.Slices)
                for (int i = 0; i < slice.Length; i++)
                    gradient[slice.Offset + i] += found.Parameters[slice.Name][i];
        }
        return (loss, gradient);
    }

    /// <summary>The Hessian, by central differences of the gradient: good to 1e-8 or so.</summary>
    internal double[,] Hessian(double[] flat)
    {
        const double h = 1e-4;
        double[,] hessian = new double[Length, Length];
        for (int j = 0; j < Length; j++)
        {
            double[] moved = [.. flat];
            moved[j] = flat[j] + h;
            double[] above = At(moved).Gradient;
            moved[j] = flat[j] - h;
            double[] below = At(moved).Gradient;
            for (int i = 0; i < Length; i++)
                hessian[i, j] = (above[i] - below[i]) / (2 * h);
        }
        for (int i = 0; i < Length; i++)
            for (int j = 0; j < i; j++)
                hessian[i, j] = hessian[j, i] = (hessian[i, j] + hessian[j, i]) / 2;
        return hessian;
    }
}
