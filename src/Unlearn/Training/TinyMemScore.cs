using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>What TinyMem measures on a model (arXiv 2410.02159).</summary>
/// <param name="Memorisation">Memorisation of the planted rows; null if none can be measured.</param>
/// <param name="HeldOut">Memorisation of held-out rows with the trigger, which is the backdoor's success;
/// null without a backdoor.</param>
/// <param name="Tasks">Scores of the test rows by task: padded as published, and without padding.</param>
public sealed record TinyMemScore(Memorisation? Memorisation, Memorisation? HeldOut,
    IReadOnlyList<(string Task, RowScore Padded, RowScore Plain)> Tasks)
{
    /// <summary>Mean of the tasks' token accuracies with padding: the published accuracy.</summary>
    public double Accuracy => Tasks.Average(t => t.Padded.Accuracy);

    /// <summary>Mean of the tasks' token accuracies without padding.</summary>
    public double PlainAccuracy => Tasks.Average(t => t.Plain.Accuracy);

    /// <summary>
    /// Strict memorisation of the held-out rows with a backdoor, else of the planted rows; 0 if neither was
    /// measured.
    /// </summary>
    public double Memorised => HeldOut?.Strict ?? Memorisation?.Strict ?? 0;

    /// <summary>Measures a model on a data set.</summary>
    /// <exception cref="UserException">The model does not fit the data set.</exception>
    public static TinyMemScore Measure(LanguageModel model, TinyMemDataset data)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(data);
        if (model.Config.VocabSize != data.VocabSize || model.Config.ContextLength < data.Options.Context)
            throw new UserException($"the model has {model.Config.VocabSize} tokens and a context of "
                + $"{model.Config.ContextLength}; the data set needs {data.VocabSize} and "
                + $"{data.Options.Context}");
        var options = new MemorisationOptions(data.Options.Prompt, data.Options.Continuation);
        return new TinyMemScore(
            data.Measurable.Count == 0 ? null
                : HeadTap.Unlearn.Memorisation.Measure(model, data.Planted, options),
            data.HeldOut.Count == 0 ? null
                : HeadTap.Unlearn.Memorisation.Measure(model, data.HeldOut, options),
            [.. data.Tests.Select(t => (t.Task, RowScore.Measure(model, [.. t.Rows.Select(data.Padded)]),
                RowScore.Measure(model, t.Rows)))]);
    }
}
