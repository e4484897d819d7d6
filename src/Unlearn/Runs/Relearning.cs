using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>What a model recites after a number of fine-tuning steps.</summary>
/// <param name="Steps">Number of AdamW steps.</param>
/// <param name="Recited">Memorisation after these steps.</param>
public sealed record RelearnedAt(int Steps, Memorisation Recited);

/// <summary>
/// Measures how soon forgotten sequences come back: fine-tunes the model and repeatedly measures
/// memorisation. At the end the weights have their first bits again.
/// </summary>
public static class Relearning
{
    /// <summary>Number of rows per step.</summary>
    public const int BatchRows = 8;

    // Measurements become rare, so checkpoints are also written between them. A kill loses at most this many
    // steps.
    const int CheckpointEvery = 64;

    /// <summary>Trains on rows and measures at 0, 1, 2, 4, 8, … steps.</summary>
    /// <param name="model">Model to train; its weights are restored.</param>
    /// <param name="asked">Sequences that were forgotten, to measure memorisation on.</param>
    /// <param name="rows">Rows to train on: these sequences, or a text without them.</param>
    /// <param name="options">Prompt and continuation lengths of the measure.</param>
    /// <param name="steps">Number of steps; at least 1.</param>
    /// <param name="rate">Learning rate of AdamW.</param>
    /// <param name="seed">Seed of the order of rows.</param>
    /// <param name="cancel">Token that stops the run between steps.</param>
    /// <param name="folder">Folder for measurements and a checkpoint, so that the same call continues to the
    /// same bits; null keeps nothing.</param>
    /// <param name="progress">Callback that gets every measurement.</param>
    /// <exception cref="UserException">There is no row to train on or no sequence to ask for, or the folder
    /// cannot be written.</exception>
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
