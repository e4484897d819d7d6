using HeadTap.Models;

namespace HeadTap.Unlearn;

/// <summary>
/// A method that trains one parameter for each neuron, the model frozen, so that the forget set stays easy
/// while as many neurons as possible are off: loss = LM(forget) + lambda * mean penalty, Adam. It ends early
/// when the mean penalty is below 0.1.
/// </summary>
/// <remarks>
/// Corrected: gradients are zeroed at every step and the end is tested at every epoch. The reference zeroes
/// them once in each epoch, so that they accumulate within it, and tests only at epochs divisible by a
/// number.
/// </remarks>
public abstract class MaskTraining : NeuronMethod
{
    const double StopPenalty = 0.1;

    /// <inheritdoc/>
    public override bool HasReferenceForm => true;

    /// <inheritdoc/>
    public override IReadOnlyList<MethodOption> Options => [Epochs, BatchRows, LearningRate, Lambda];

    /// <summary>Passes over the rows.</summary>
    public static MethodOption Epochs { get; } = StepOptions.Epochs(10);

    /// <summary>Rows of a step.</summary>
    public static MethodOption BatchRows { get; } = StepOptions.BatchRows(64);

    /// <summary>lr of Adam.</summary>
    public static MethodOption LearningRate { get; } = StepOptions.LearningRate(0.1);

    /// <summary>lambda of the equation.</summary>
    public static MethodOption Lambda { get; } = MethodOption.Number(
        "Lambda", 1000, OptionRange.NotNegative, "weight of the mean penalty");

    /// <summary>Epochs between two tests of the reference form.</summary>
    internal abstract int ReferenceTestEvery { get; }

    /// <summary>A parameter's first value.</summary>
    internal abstract double Initial(SeededRandom random);

    /// <summary>What the activation is multiplied by, and its derivative by the parameter.</summary>
    internal abstract (double Mask, double Slope) Mask(double parameter, SeededRandom random);

    /// <summary>A parameter's penalty, and its derivative.</summary>
    internal abstract (double Value, double Slope) Penalty(double parameter);

    /// <summary>What a trained parameter says of its neuron.</summary>
    internal abstract double Score(double parameter);

    internal override double[][] Scores(UnlearnTask task)
    {
        int epochs = task.Options.Whole(Epochs);
        int[][][] batches = [.. task.Forget.Chunk(task.Options.Whole(BatchRows))];
        double lambda = task.Options.Number(Lambda), rate = task.Options.Number(LearningRate);
        bool reference = task.Form == MethodForm.Reference;
        var random = new SeededRandom(task.Seed);
        ModelConfig config = task.Model.Config;
        double[][] parameters = PerNeuron(config);
        foreach (double[] layer in parameters)
            for (int i = 0; i < layer.Length; i++)
                layer[i] = Initial(random);
        var adam = new NeuronAdam(config, rate);
        double[][] gradient = PerNeuron(config);
        using var loss = new NeuronMask(task.Model, task.Forget.Max(r => r.Length));
        for (int epoch = 1; epoch <= epochs; epoch++)
        {
            if ((!reference || epoch % ReferenceTestEvery == 0) && MeanPenalty(parameters) < StopPenalty)
                break;
            for (int b = 0; b < batches.Length; b++)
            {
                if (!reference || b == 0)
                    Clear(gradient);
                AddGradient(loss, batches[b], parameters, gradient, lambda, random);
                adam.Step(parameters, gradient);
                task.At((epoch - 1 + (b + 1.0) / batches.Length) / epochs);
            }
        }
        return [.. parameters.Select(layer => Array.ConvertAll(layer, p => Score(p)))];
    }

    /// <summary>Adds the gradient of the whole loss for one batch, and returns that loss.</summary>
    internal double AddGradient(NeuronMask loss, IReadOnlyList<int[]> batch, double[][] parameters,
        double[][] gradient, double lambda, SeededRandom random)
    {
        (double Mask, double Slope)[][] drawn =
            [.. parameters.Select(layer => Array.ConvertAll(layer, p => Mask(p, random)))];
        double[][] byMask = [.. parameters.Select(layer => new double[layer.Length])];
        double value = loss.Add(batch, [.. drawn.Select(d => Array.ConvertAll(d, m => m.Mask))], byMask);
        int N = parameters.Sum(layer => layer.Length);
        for (int l = 0; l < parameters.Length; l++)
            for (int i = 0; i < parameters[l].Length; i++)
                gradient[l][i] += byMask[l][i] * drawn[l][i].Slope
                    + lambda * Penalty(parameters[l][i]).Slope / N;
        return value + lambda * MeanPenalty(parameters);
    }

    double MeanPenalty(double[][] parameters)
        => parameters.SelectMany(layer => layer).Average(p => Penalty(p).Value);

    static void Clear(double[][] gradient)
    {
        foreach (double[] layer in gradient)
            Array.Clear(layer);
    }
}

/// <summary>Adam (Kingma and Ba 2015) with torch's defaults, over one number for each neuron, in
/// float64.</summary>
sealed class NeuronAdam(ModelConfig config, double rate)
{
    const double Beta1 = 0.9, Beta2 = 0.999, Epsilon = 1e-8;

    readonly double[][] _m = NeuronMethod.PerNeuron(config), _v = NeuronMethod.PerNeuron(config);
    int _steps;

    internal void Step(double[][] parameters, double[][] gradient)
    {
        _steps++;
        double c1 = 1 - Math.Pow(Beta1, _steps), c2 = 1 - Math.Pow(Beta2, _steps);
        for (int l = 0; l < parameters.Length; l++)
            for (int i = 0; i < parameters[l].Length; i++)
            {
                double g = gradient[l][i];
                _m[l][i] = Beta1 * _m[l][i] + (1 - Beta1) * g;
                _v[l][i] = Beta2 * _v[l][i] + (1 - Beta2) * g * g;
                parameters[l][i] -= rate * (_m[l][i] / c1) / (Math.Sqrt(_v[l][i] / c2) + Epsilon);
            }
    }
}
