using HeadTap.Models;

namespace HeadTap.Unlearn.Tests;

/// <summary>What the tests of regularisers share.</summary>
static class Regularised
{
    internal static RowTrainer Trainer(SmallTask small, int rows = 64)
        => new(small.Model, new AdamWOptions { LearningRate = 1e-3f }, rows, 12, 1);

    internal static double Step(SmallTask small, TrainingRegulariser regulariser)
    {
        using RowTrainer trainer = Trainer(small);
        int[][] rows = [.. small.Task.Keep];
        return regulariser.Learn(trainer, rows, [.. Enumerable.Range(0, rows.Length)]);
    }
}
