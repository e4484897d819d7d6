using System.Diagnostics;
using HeadTap.Runtime;
using HeadTap.Unlearn;
using TorchSharp;

namespace HeadTap.Peers;

/// <summary>
/// Steps of TinyMem's training and of BalancedSubnet as the product takes them, beside PyTorch's, on the
/// model of the experiment: 4 layers, width 128, 14 tokens. Losses of the first steps must agree before
/// anything is timed.
/// </summary>
static class UnlearnComparison
{
    const int StepsOfTurn = 4, EpochRows = 1000;

    // Preset small; its context with BalancedSubnet's batch; preset paper.
    static readonly (int Rows, int T)[] s_shapes = [(8, 122), (64, 122), (128, 150)];

    static readonly Gpt2Config s_config = new()
    {
        VocabSize = 14, ContextLength = 150, Width = 128, Layers = 4, Heads = 4, Inner = 512,
        Activation = Activation.Relu,
    };

    internal static void Run(ComputeDevice device, int repeats)
    {
        Console.WriteLine($"{"4 layers of width 128, ReLU, 14 tokens",-40} {"rows x T",9} {"HeadTap ms",11} "
            + $"{"PyTorch ms",11} {"s / 1,000 rows",14} {"ratio",7}  spread");
        foreach ((int rows, int T) in s_shapes)
        {
            Training(device, rows, T, repeats);
            Balanced(device, rows, T, repeats);
        }
    }

    static void Training(ComputeDevice device, int rows, int T, int repeats)
    {
        using Gpt2Model model = Model(device);
        var options = new AdamWOptions
        {
            LearningRate = 1e-3f, Beta2 = 0.98f, WeightDecay = 0.1f, DecayOnlyMatrices = false,
        };
        var peer = new TorchUnlearn(model, options);
        using var trainer = new RowTrainer(model, options, rows, T, seed: 1);
        int counted = rows * (T - 1);
        Compare("training step, AdamW", rows, T, repeats, trainer.Learn, peer,
            [.. Enumerable.Repeat(1f / counted, counted)]);
    }

    // An eighth of the rows is to forget; ratio 0.5 and alpha 0.9, the best of the published sweep.
    static void Balanced(ComputeDevice device, int rows, int T, int repeats)
    {
        const double budget = 0.5, alpha = 0.9;
        const ulong seed = 3;
        using Gpt2Model model = Model(device);
        IReadOnlySet<string> names = MlpMatrix.Names(model);
        var scores = names.ToDictionary(
            n => n, n => Supermask.FirstScores(model.Parameters[n], seed));
        SupermaskOptions options = SupermaskOptions.Of(new MethodOptions());
        var peer = new TorchUnlearn(model, scores, options.Step, budget);
        using var mask = new Supermask(model, seed, budget);
        using var passes = new RowGradients(model, names, T);
        int forget = rows / 8, predicted = T - 1;
        double[] ofRow = [.. Enumerable.Range(0, rows).Select(b => b < forget
            ? -(1 - alpha) / forget : alpha / (rows - forget))];
        Compare("BalancedSubnet step, an eighth forgotten", rows, T, repeats, batch =>
        {
            mask.Apply();
            passes.Clear();
            double loss = passes.AddWeighed(batch, b => ofRow[b]);
            mask.Step(passes.Gradients, options.Step);
            return loss;
        }, peer, [.. Enumerable.Range(0, rows * predicted)
            .Select(i => (float)(ofRow[i / predicted] / predicted))]);
    }

    static void Compare(string work, int rows, int T, int repeats, Func<int[][], double> ours,
        TorchUnlearn peer, float[] weights)
    {
        var random = new SeededRandom(2);
        using torch.Tensor w = torch.tensor(weights);
        double[] a = new double[repeats], b = new double[repeats];
        for (int r = -1; r < repeats; r++)
        {
            int[][][] batches = [.. Enumerable.Range(0, StepsOfTurn).Select(_ => Batch(random, rows, T))];
            torch.Tensor[] ids = [.. batches.Select(batch =>
                torch.tensor([.. batch.SelectMany(row => row.Select(t => (long)t))]).reshape(rows, T))];
            double[] one = [], other = [];
            double mine = Time(() => one = [.. batches.Select(ours)]);
            double theirs = Time(() => other = [.. ids.Select(x => peer.Step(x, w))]);
            foreach (torch.Tensor x in ids)
                x.Dispose();
            if (r >= 0)
                (a[r], b[r]) = (mine, theirs);
            else if (!one.Zip(other).All(l => Math.Abs(l.First - l.Second) <= 1e-4 * Math.Abs(l.Second)))
                throw new InvalidOperationException($"{work}: losses {string.Join(", ", one)} and "
                    + $"{string.Join(", ", other)} differ; nothing is timed.");
        }
        double[] ratios = [.. a.Zip(b, (x, y) => y / x).Order()];
        double step = Median(a) / StepsOfTurn;
        Console.WriteLine($"{work,-40} {$"{rows} x {T}",9} {step,11:0.0} {Median(b) / StepsOfTurn,11:0.0} "
            + $"{step * EpochRows / rows / 1000,14:0.00} {Median(ratios),7:0.00}  "
            + $"{ratios[0]:0.00} to {ratios[^1]:0.00}");
    }

    static int[][] Batch(SeededRandom random, int rows, int T)
        => [.. Enumerable.Range(0, rows).Select(_ =>
            Enumerable.Range(0, T).Select(_ => random.Next(s_config.VocabSize)).ToArray())];

    static double Time(Action action)
    {
        Thread.Sleep(20); // the other side's workers spin for a while after their last product
        var watch = Stopwatch.StartNew();
        action();
        return watch.Elapsed.TotalMilliseconds;
    }

    static Gpt2Model Model(ComputeDevice device)
    {
        var model = new Gpt2Model(device, s_config);
        model.Initialize(1);
        return model;
    }

    static double Median(double[] values) => values.Order().ElementAt(values.Length / 2);
}
