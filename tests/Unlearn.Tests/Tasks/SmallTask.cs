using HeadTap.Kernels.Tests;
using HeadTap.Models;
using HeadTap.Models.Tests;
using HeadTap.Reference;

namespace HeadTap.Unlearn.Tests;

/// <summary>A small random model, rows to forget and rows to keep, none as long as the next.</summary>
sealed class SmallTask : IDisposable
{
    public SmallTask(string device = "cpu512", int forget = 3, int keep = 7, ModelConfig? config = null)
    {
        Test = new TestModel(device, config);
        Task = new UnlearnTask
        {
            Model = Test.Model,
            Forget = Rows(100, forget),
            Keep = Rows(200, keep),
            Prompt = 2,
            Continuation = 2,
            Seed = 5,
        };
    }

    public TestModel Test { get; }

    public UnlearnTask Task { get; }

    public LanguageModel Model => Test.Model;

    public IReadOnlyList<MlpMatrix> Matrices => MlpMatrix.Of(Model);

    public void Dispose() => Test.Dispose();

    /// <summary>The bits of every parameter.</summary>
    public static int[] Bits(LanguageModel model) => [.. model.Parameters.Slices.SelectMany(s =>
        model.Set[s.Name].ToArray()).Select(BitConverter.SingleToInt32Bits)];

    /// <summary>The model edited, as bits; then put back.</summary>
    public int[] Edited(Finding finding, double budget)
    {
        WeightSnapshot before = WeightSnapshot.Of(Model);
        finding.Apply(Model, budget);
        int[] bits = Bits(Model);
        before.Restore(Model);
        return bits;
    }

    /// <summary>Mean loss over all positions of rows.</summary>
    public double Loss(IReadOnlyList<int[]> rows)
    {
        using var of = new RowGradients(Model, MlpMatrix.Names(Model), rows.Max(r => r.Length));
        return of.Mean(rows);
    }

    /// <summary>The same by the oracle, with its sites changed.</summary>
    public double Loss(IReadOnlyList<int[]> rows, Func<string, double[], double[]> hook)
        => rows.Sum(r => (r.Length - 1) * Gpt2Reference.CrossEntropy(
                Gpt2Reference.Forward(Test.Sizes, Test.Exact, r, hook)["logits"],
                Gpt2Reference.NextTokens(r)).Loss)
            / rows.Sum(r => r.Length - 1);

    int[][] Rows(int seed, int count) => [.. Enumerable.Range(0, count)
        .Select(i => Numbers.Integers(seed + i, 5 + i % 4, Model.Config.VocabSize))];
}
