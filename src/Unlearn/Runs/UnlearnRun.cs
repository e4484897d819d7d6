using System.Diagnostics;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>What a model recites, and how well it predicts the keep set.</summary>
/// <param name="Recited">Memorisation of the sequences to forget.</param>
/// <param name="Keep">Score of the sequences to keep; null without any.</param>
public sealed record UnlearnScore(Memorisation Recited, RowScore? Keep)
{
    /// <summary>Measures a model on both sets.</summary>
    /// <exception cref="UserException">No sequence can be asked for.</exception>
    public static UnlearnScore Measure(LanguageModel model, IReadOnlyList<PlantedSequence> asked,
        MemorisationOptions options, IReadOnlyList<int[]> keep)
    {
        ArgumentNullException.ThrowIfNull(keep);
        return new(Memorisation.Measure(model, asked, options),
            keep.Count == 0 ? null : RowScore.Measure(model, keep));
    }
}

/// <summary>The result of one method at one budget.</summary>
/// <param name="Before">Measures of the model before the edit.</param>
/// <param name="After">Measures of the edited model.</param>
/// <param name="FindSeconds">Time to find what to change, seconds.</param>
/// <param name="ApplySeconds">Time to apply the change, seconds.</param>
/// <param name="Changes">Changes by layer.</param>
/// <param name="Edit">The edit, which can be undone.</param>
public sealed record UnlearnRun(UnlearnScore Before, UnlearnScore After, double FindSeconds,
    double ApplySeconds, MlpChanges Changes, WeightEdit Edit)
{
    /// <summary>Runs a method and edits the model.</summary>
    /// <param name="method">Method to run.</param>
    /// <param name="budget">Budget, 0 to 1.</param>
    /// <param name="task">Task for the method; its model is measured and edited.</param>
    /// <param name="measure">Function that measures the model; called before and after the edit.</param>
    /// <exception cref="UserException">The method cannot run on this model or with these rows.</exception>
    public static UnlearnRun Of(UnlearningMethod method, double budget, UnlearnTask task,
        Func<UnlearnScore> measure)
    {
        ArgumentNullException.ThrowIfNull(method);
        ArgumentNullException.ThrowIfNull(task);
        ArgumentNullException.ThrowIfNull(measure);
        UnlearningMethod.Budget(budget);
        LanguageModel model = task.Model;
        // Find restores the weights and Apply edits them, even if the method trained them and could leave
        // them as they are. A sweep applies one finding at several budgets, and a run must give the same bits
        // and the same two times as a sweep's cell.
        WeightSnapshot snapshot = WeightSnapshot.Of(model);
        string parent = WeightHash.Of(model);
        UnlearnScore before = measure();
        var watch = Stopwatch.StartNew();
        Finding finding = method.Find(task, budget);
        double found = watch.Elapsed.TotalSeconds;
        finding.Apply(model, budget);
        double applied = watch.Elapsed.TotalSeconds - found;
        return new UnlearnRun(before, measure(), found, applied, MlpChanges.Between(snapshot, model),
            WeightEdit.Between(snapshot, parent, model));
    }
}
