using System.Diagnostics;
using HeadTap.Models;
using HeadTap.Runtime;
using HeadTap.Unlearn;
using TorchSharp;

namespace HeadTap.Peers;

/// <summary>
/// Steps of TinyMem's training and of BalancedSubnet as the product takes them, beside PyTorch's plain and
/// fused forms, on the model of the experiment: 4 layers, width 128, 14 tokens. Losses of the first steps
/// must agree before anything is timed.
/// </summary>
static class UnlearnComparison
{
    const int StepsOfTurn = 4, EpochRows = 1000;

    // Preset small; its context with BalancedSubnet's batch; preset paper.
    static readonly (int Rows, int T)[] s_shapes = [(8, 122), (64, 122), (128, 150)];

    static readonly ModelConfig s_config = new()
    {
        VocabSize = 14, ContextLength = 150, Width = 128, Layers = 4, Heads = 4, Inner = 512,
        Activation = Activation.Relu,
    };

    internal static void Run(ComputeDevice device, int repeats)
    {
        Console.WriteLine($"{"4 layers of width 128, ReLU, 14 tokens",-40} {"rows x T",9} {"HeadTap ms",11} "
            + $"{"s / 1,000 rows",14}   PyTorch, ms and ratio: plain{"",20}fused");
        foreach ((int rows, int T) in s_shapes)
        {
            Training(device, rows, T, repeats);
            Balanced(device, rows, T, repeats);
        }
    }

    static void Training(ComputeDevice device, int rows, int T, int repeats)
    {
        using LanguageModel model = Model(device);
        var options = new AdamWOptions
        {
            LearningRate = 1e-3f, Beta2 = 0.98f, WeightDecay = 0.1f, DecayOnlyMatrices = false,
        };
        TorchUnlearn[] peers = [new(model, options, plain: true), new(model, options, plain: false)];
        using var trainer = new RowTrainer(model, options, rows, T, seed: 1);
        int counted = rows * (T - 1);
        Compare("training step, AdamW", rows, T, repeats, trainer.Learn, peers,
            [.. Enumerable.Repeat(1f / counted, counted)]);
    }

    // An eighth of the rows is to forget; ratio 0.5 and alpha 0.9, the best of the published sweep.
    static void Balanced(ComputeDevice device, int rows, int T, int repeats)
    {
        const double budget = 0.5, alpha = 0.9;
        const ulong seed = 3;
        using LanguageModel model = Model(device);
        IReadOnlySet<string> names = MlpMatrix.Names(model);
        var scores = names.ToDictionary(
            n => n, n => Supermask.FirstScores(model.Parameters[n], seed));
        SupermaskOptions options = SupermaskOptions.Of(new MethodSettings());
        TorchUnlearn[] peers = [Peer(plain: true), Peer(plain: false)];
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
        }, peers, [.. Enumerable.Range(0, rows * predicted)
            .Select(i => (float)(ofRow[i / predicted] / predicted))]);

        TorchUnlearn Peer(bool plain) => new(model, scores, options.Step, budget, plain);
    }

    static void Compare(string work, int rows, int T, int repeats, Func<int[][], double> ours,
        TorchUnlearn[] peers, float[] weights)
    {
        var random = new SeededRandom(2);
        using torch.Tensor w = torch.tensor(weights);
        double[] mine = new double[repeats];
        double[][] theirs = [.. peers.Select(_ => new double[repeats])];
        for (int r = -1; r < repeats; r++)
        {
            int[][][] batches = [.. Enumerable.Range(0, StepsOfTurn).Select(_ => Batch(random, rows, T))];
            torch.Tensor[] ids = [.. batches.Select(batch =>
                torch.tensor([.. batch.SelectMany(row => row.Select(t => (long)t))]).reshape(rows, T))];
            double[] losses = [];
            double time = Time(() => losses = [.. batches.Select(ours)]);
            if (r >= 0)
                mine[r] = time;
            for (int p = 0; p < peers.Length; p++)
            {
                double[] other = [];
                time = Time(() => other = [.. ids.Select(x => peers[p].Step(x, w))]);
                if (r >= 0)
                    theirs[p][r] = time;
                else if (!losses.Zip(other).All(l =>
                    Math.Abs(l.First - l.Second) <= 1e-4 * Math.Abs(l.Second)))
                    throw new InvalidOperationException($"{work}: losses {string.Join(", ", losses)} and "
                        + $"{string.Join(", ", other)} differ; nothing is timed.");
            }
            foreach (torch.Tensor x in ids)
                x.Dispose();
        }
        double step = Median(mine) / StepsOfTurn;
        Console.WriteLine($"{work,-40} {$"{rows} x {T}",9} {step,11:0.0} "
            + $"{step * EpochRows / rows / 1000,14:0.00}   "
            + string.Join("   ", theirs.Select(times => Beside(times, mine))));
    }

    // Median time of a step, median of the ratios of turns, and the least and largest ratio.
    static string Beside(double[] theirs, double[] mine)
    {
        double[] ratios = [.. theirs.Zip(mine, (x, y) => x / y).Order()];
        return $"{Median(theirs) / StepsOfTurn,7:0.0} {Median(ratios),5:0.00} "
            + $"({ratios[0]:0.00} to {ratios[^1]:0.00})";
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

    static LanguageModel Model(ComputeDevice device)
    {
        var model = new LanguageModel(device, s_config);
        model.Initialize(1);
        return model;
    }

    static double Median(double[] values) => values.Order().ElementAt(values.Length / 2);
}
