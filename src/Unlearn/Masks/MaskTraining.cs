using HeadTap.Models;

namespace HeadTap.Unlearn;

/// <summary>
/// A method that freezes the model and trains one parameter per neuron. Adam minimises LM(forget) + lambda *
/// mean penalty: the forget set stays easy while as many neurons as possible are off. Training ends early if
/// the mean penalty is below 0.1.
/// </summary>
/// <remarks>
/// Corrected form: gradients are zeroed at every step, and the early end is tested at every epoch. Reference
/// form: gradients are zeroed once per epoch and accumulate within it, and the early end is tested every
/// <see cref="ReferenceTestEvery"/> epochs.
/// </remarks>
public abstract class MaskTraining : NeuronMethod
{
    const double StopPenalty = 0.1;

    /// <inheritdoc/>
    public override bool HasReferenceForm => true;

    /// <inheritdoc/>
    public override IReadOnlyList<MethodOption> Options => [Epochs, BatchRows, LearningRate, Lambda];

    /// <summary>Number of passes over the rows; at least 1.</summary>
    public static MethodOption Epochs { get; } = StepOptions.Epochs(10);

    /// <summary>Number of rows per step; at least 1.</summary>
    public static MethodOption BatchRows { get; } = StepOptions.BatchRows(64);

    /// <summary>Learning rate of Adam; above 0.</summary>
    public static MethodOption LearningRate { get; } = StepOptions.LearningRate(0.1);

    /// <summary>Weight lambda of the mean penalty; at least 0.</summary>
    public static MethodOption Lambda { get; } = MethodOption.Number(
        "Lambda", 1000, OptionRange.NotNegative, "weight of the mean penalty");

    /// <summary>Number of epochs between two tests of the early end in the reference form.</summary>
    internal abstract int ReferenceTestEvery { get; }

    /// <summary>Returns the first value of a parameter.</summary>
    internal abstract double Initial(SeededRandom random);

    /// <summary>
    /// Returns the factor of the activation, and the factor's derivative with respect to the parameter.
    /// </summary>
    internal abstract (double Mask, double Slope) Mask(double parameter, SeededRandom random);

    /// <summary>Returns the penalty of a parameter, and its derivative.</summary>
    internal abstract (double Value, double Slope) Penalty(double parameter);

    /// <summary>Returns the score of a neuron from its trained parameter; higher is removed first.</summary>
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

    /// <summary>
    /// Adds the gradient of the loss with its penalty for one batch, and returns that loss.
    /// </summary>
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

/// <summary>
/// Adam (Kingma and Ba 2015) with torch's defaults, over one number per neuron, in float64.
/// </summary>
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
