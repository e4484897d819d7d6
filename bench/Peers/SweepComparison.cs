using System.Diagnostics;
using HeadTap.Inject;
using HeadTap.Models;
using HeadTap.Runtime;
using TorchSharp;

namespace HeadTap.Peers;

/// <summary>
/// A memory sweep of one pair of prompts beside PyTorch running a forward pass for every cell, as the paper's
/// code does. PyTorch is spared the addition of the memory.
/// </summary>
static class SweepComparison
{
    /// <summary>About the length of the published prompts.</summary>
    const int PromptTokens = 13;

    // Every n-th cell is run by PyTorch, and its time counts n times.
    const int CellsSkipped = 5;

    internal static void Run(ComputeDevice device, int repeats)
    {
        Console.WriteLine($"{"sweep of one pair, 15 tau",-30} {"cells",6} {"HeadTap ms",11} "
            + $"{"PyTorch ms",11} {"ratio",7}  spread");
        using (var atlas = Random(device, new ModelConfig
        {
            VocabSize = 2540, ContextLength = 128, Width = 192, Layers = 5, Heads = 6, Inner = 768,
        }))
            Compare("sizes of weights/atlas", atlas, repeats);
        using var small = Random(device, Gpt2.Small);
        Compare("GPT-2 small", small, repeats);
    }

    static void Compare(string name, LanguageModel model, int repeats)
    {
        var peer = new TorchGpt2(model);
        var grid = new SweepGrid { Layers = [.. Enumerable.Range(0, model.Config.Layers)] };
        int[] prompt = [.. Enumerable.Range(0, PromptTokens).Select(i => 37 * i % model.Config.VocabSize)];
        var pair = new EncodedPair(new("", "", "", ""), prompt[..^3], prompt, [5, 6, 7], 11, 0..0);
        using var sweep = new InjectionSweep(model, grid, PromptTokens);
        using torch.Tensor ids = torch.tensor([.. prompt.Select(t => (long)t)]).reshape(1, PromptTokens);
        int cells = grid.Cells.Count, run = cells / CellsSkipped;
        double[] ours = new double[repeats], theirs = new double[repeats];
        for (int r = -1; r < repeats; r++)
        {
            Thread.Sleep(20); // PyTorch's workers spin for a while after their last product
            var watch = Stopwatch.StartNew();
            sweep.Run(pair);
            double one = watch.Elapsed.TotalMilliseconds;
            watch.Restart();
            for (int i = 0; i < run; i++)
                LastProbabilities(peer, ids);
            if (r >= 0) // the first warms up
                (ours[r], theirs[r]) = (one, watch.Elapsed.TotalMilliseconds * cells / run);
        }
        double[] ratios = [.. ours.Zip(theirs, (o, t) => t / o).Order()];
        Console.WriteLine($"{name,-30} {cells,6} {Median(ours),11:0.0} {Median(theirs),11:0.0} "
            + $"{Median(ratios),7:0.0}  {ratios[0]:0.0} to {ratios[^1]:0.0}");
    }

    static void LastProbabilities(TorchGpt2 peer, torch.Tensor ids)
    {
        using var noGradient = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        torch.Tensor logits = peer.Forward(ids, true);
        _ = logits.select(1, -1).softmax(-1);
    }

    static LanguageModel Random(ComputeDevice device, ModelConfig config)
    {
        var model = new LanguageModel(device, config);
        model.Initialize(1);
        return model;
    }

    static double Median(double[] values) => values.Order().ElementAt(values.Length / 2);
}
