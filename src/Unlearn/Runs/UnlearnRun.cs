using System.Diagnostics;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>What a model recites and how well it predicts the rest.</summary>
/// <param name="Recited">Of the sequences that are to be forgotten.</param>
/// <param name="Keep">Of the sequences to keep; null where there are none.</param>
public sealed record UnlearnScore(Memorisation Recited, RowScore? Keep)
{
    /// <summary>Measures a model.</summary>
    /// <exception cref="UserException">No sequence can be asked for.</exception>
    public static UnlearnScore Measure(LanguageModel model, IReadOnlyList<PlantedSequence> asked,
        MemorisationOptions options, IReadOnlyList<int[]> keep)
    {
        ArgumentNullException.ThrowIfNull(keep);
        return new(Memorisation.Measure(model, asked, options),
            keep.Count == 0 ? null : RowScore.Measure(model, keep));
    }
}

/// <summary>One method at one budget, with what it did.</summary>
/// <param name="Before">The model as it was.</param>
/// <param name="After">The model as it is.</param>
/// <param name="FindSeconds">Finding what to change.</param>
/// <param name="ApplySeconds">Changing it.</param>
/// <param name="Changes">By layer.</param>
/// <param name="Edit">To take it back.</param>
public sealed record UnlearnRun(UnlearnScore Before, UnlearnScore After, double FindSeconds,
    double ApplySeconds, MlpChanges Changes, WeightEdit Edit)
{
    /// <summary>Runs a method; the model is edited.</summary>
    /// <param name="method">The method.</param>
    /// <param name="budget">0 to 1.</param>
    /// <param name="task">What it is given; its model is measured and edited.</param>
    /// <param name="measure">Measures the model, before and after.</param>
    /// <exception cref="UserException">The method cannot run on this model or with these rows.</exception>
    public static UnlearnRun Of(UnlearningMethod method, double budget, UnlearnTask task,
        Func<UnlearnScore> measure)
    {
        ArgumentNullException.ThrowIfNull(method);
        ArgumentNullException.ThrowIfNull(task);
        ArgumentNullException.ThrowIfNull(measure);
        UnlearningMethod.Budget(budget);
        LanguageModel model = task.Model;
        // Find leaves the weights as they were and Apply edits them, also where a method has trained them and
        // could have left them: a sweep applies one finding at several budgets, and a run must give the bits
        // and the two times of a sweep's cell.
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
