using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>What a model recites after some steps of fine-tuning.</summary>
/// <param name="Steps">AdamW steps.</param>
/// <param name="Recited">The measure then.</param>
public sealed record RelearnedAt(int Steps, Memorisation Recited);

/// <summary>
/// How soon forgotten sequences come back: the model is fine-tuned and asked again and again. Its weights are
/// the bits they were when this ends.
/// </summary>
public static class Relearning
{
    /// <summary>Rows of a step.</summary>
    public const int BatchRows = 8;

    // Measurements become rare; a kill costs no more than this many steps.
    const int CheckpointEvery = 64;

    /// <summary>Trains on rows and measures at 0, 1, 2, 4, 8, … steps.</summary>
    /// <param name="model">Trained, and put back.</param>
    /// <param name="asked">The sequences that were forgotten.</param>
    /// <param name="rows">What is trained on: these sequences, or a text without them.</param>
    /// <param name="options">How sequences are asked for.</param>
    /// <param name="steps">At most.</param>
    /// <param name="rate">AdamW's.</param>
    /// <param name="seed">Of the order of rows.</param>
    /// <param name="cancel">Ends it between steps.</param>
    /// <param name="folder">Keeps measurements and a checkpoint, so that the same call goes on to the same
    /// bits; null keeps nothing.</param>
    /// <param name="progress">Told of every measurement.</param>
    /// <exception cref="UserException">There is nothing to train on or to ask for, or the folder cannot be
    /// written.</exception>
    public static IReadOnlyList<RelearnedAt> Run(LanguageModel model, IReadOnlyList<PlantedSequence> asked,
        IReadOnlyList<int[]> rows, MemorisationOptions options, int steps, float rate, ulong seed,
        RelearnFolder? folder = null, Action<RelearnedAt>? progress = null,
        CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(rows);
        if (steps < 1)
            throw new UserException($"{steps} steps; expected 1 or more");
        int[][] texts = [.. rows.Where(r => r.Length > 1)];
        if (texts.Length == 0)
            throw new UserException("there is no row of two tokens to train on");
        if (folder is { Complete: true })
            return folder.Read();
        var before = WeightSnapshot.Of(model);
        try
        {
            using var trainer = new RowTrainer(model,
                new AdamWOptions { LearningRate = rate, Beta2 = 0.98f, WeightDecay = 0 }, BatchRows,
                texts.Max(r => r.Length), seed);
            List<RelearnedAt> found = [.. folder?.Resume(model, trainer) ?? []];
            if (found.Count == 0)
                Measure();
            int stepsInEpoch = trainer.StepsIn(texts.Length);
            for (int epoch = trainer.Steps / stepsInEpoch; trainer.Steps < steps; epoch++)
                foreach (int[] batch in trainer.Epoch(epoch, texts.Length)
                    .Skip(trainer.Steps - epoch * stepsInEpoch))
                {
                    if (cancel.IsCancellationRequested)
                        folder?.Save(model, trainer);
                    cancel.ThrowIfCancellationRequested();
                    trainer.Learn([.. batch.Select(i => texts[i])]);
                    bool measured = int.IsPow2(trainer.Steps) || trainer.Steps == steps;
                    if (measured)
                        Measure();
                    if (measured || trainer.Steps % CheckpointEvery == 0)
                        folder?.Save(model, trainer);
                    if (trainer.Steps == steps)
                        break;
                }
            folder?.Finish();
            return found;

            void Measure()
            {
                found.Add(new(trainer.Steps, Memorisation.Measure(model, asked, options)));
                folder?.Add(found[^1]);
                progress?.Invoke(found[^1]);
            }
        }
        finally
        {
            before.Restore(model);
        }
    }
}
