using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>
/// A method that scores feed-forward neurons; a budget removes those with the highest scores of each layer.
/// </summary>
public abstract class NeuronMethod : UnlearningMethod
{
    /// <inheritdoc/>
    public override MethodFamily Family => MethodFamily.Neuron;

    /// <inheritdoc/>
    public override string BudgetOf => "of the neurons of each layer";

    /// <inheritdoc/>
    public override Finding Find(UnlearnTask task, double budget)
    {
        ArgumentNullException.ThrowIfNull(task);
        task.Require(this);
        Budget(budget);
        double[][] scores = Scores(task);
        for (int l = 0; l < scores.Length; l++)
            if (!scores[l].All(double.IsFinite))
                throw new UserException($"{Name}: a neuron of layer {l} has a score that is not a number; "
                    + "the model's losses are not finite");
        return new NeuronFinding(scores);
    }

    /// <summary>Returns the scores [L][I]; higher scores are removed first.</summary>
    internal abstract double[][] Scores(UnlearnTask task);

    /// <summary>Returns a zero for every neuron, [L][I].</summary>
    internal static double[][] PerNeuron(ModelConfig config)
        => [.. Enumerable.Range(0, config.Layers).Select(_ => new double[config.Inner])];

    /// <summary>Requires at least one row of <paramref name="tokens"/> tokens or more.</summary>
    /// <param name="task">Task with the rows.</param>
    /// <param name="tokens">Least number of tokens of a row that the method reads.</param>
    internal void RequireLongerThanPrompt(UnlearnTask task, int tokens)
    {
        if (task.Prompt < 1)
            throw new UserException($"{Field.Of(nameof(task.Prompt))} is {task.Prompt}; expected 1 or more");
        if (task.Forget.All(r => r.Length < tokens))
            throw new UserException($"{Name} looks at positions from {task.Prompt - 1} on; the longest "
                + $"sequence to forget has {Counted.Of(task.Forget.Max(r => r.Length), "token")}, expected "
                + $"{tokens} or more: use a smaller {Field.Of(nameof(task.Prompt))}");
    }
}
