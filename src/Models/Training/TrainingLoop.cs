using System.Diagnostics;

namespace HeadTap.Models;

/// <summary>The steps of a run, and what is written down beside them: rows, evaluations, checkpoints.
/// </summary>
sealed class TrainingLoop(Trainer trainer, TrainingTexts texts, SampleWriter? samples, RunFolder run,
    JsonlWriter metrics, TrainingRunOptions options)
{
    readonly Stopwatch _watch = Stopwatch.StartNew();
    readonly int _firstStep = trainer.Step;
    readonly long _firstTokens = trainer.Tokens;
    int _savedStep = run.HasCheckpoint ? trainer.Step : -1;

    /// <summary>Since the run was started or resumed.</summary>
    internal TimeSpan Elapsed => _watch.Elapsed;

    /// <summary>Trains to the end, or until it is stopped; a checkpoint is written in either case.</summary>
    /// <returns>The loss of the last step; null without one.</returns>
    internal double? Run()
    {
        TrainingConfig config = trainer.Config;
        double? loss = null;
        while (trainer.Step < trainer.Steps && !options.Stop.IsCancellationRequested)
        {
            TrainingStep step = trainer.Next();
            loss = step.Loss;
            Tell(step, step.Step % config.EvaluateEvery == 0 || step.Step == trainer.Steps);
            if (config.CheckpointEvery > 0 && step.Step % config.CheckpointEvery == 0
                && step.Step < trainer.Steps)
                Save();
        }
        Save();
        return loss;
    }

    void Tell(TrainingStep step, bool evaluate)
    {
        double? validation = evaluate && texts.Validation is { } held ? trainer.Evaluate(held) : null;
        IReadOnlyList<SampleText>? written = evaluate ? samples?.Write() : null;
        double seconds = _watch.Elapsed.TotalSeconds;
        double speed = (step.Tokens - _firstTokens) / seconds;
        metrics.Write(new TrainingRow(step.Step, step.Loss, step.LearningRate, step.GradientNorm, step.Tokens,
            Math.Round(speed, 1), validation, written));
        double left = seconds / (step.Step - _firstStep) * (trainer.Steps - step.Step);
        options.Progress?.Invoke(new TrainingProgress(
            step, trainer.Steps, speed, TimeSpan.FromSeconds(left), validation, written));
    }

    void Save()
    {
        if (_savedStep != trainer.Step)
            run.Save(metrics, path => TrainingCheckpoint.Save(path, trainer));
        _savedStep = trainer.Step;
        options.Saved?.Invoke(run.At(RunFolder.MetricsFile));
    }
}
