using System.Diagnostics;
using HeadTap.Bench;
using HeadTap.Circuits;
using HeadTap.Models;
using HeadTap.Runtime;
using TorchSharp;

namespace HeadTap.Peers;

/// <summary>
/// Activation patching of one pair of prompts beside PyTorch in two ways: a whole forward pass for every
/// cell, as TransformerLens runs it, and the cells of a layer as rows of one whole pass. PyTorch is spared
/// the patches.
/// </summary>
static class PatchComparison
{
    // Every n-th cell, or layer, is run by PyTorch, and its time counts n times.
    const int CellsSkipped = 12, LayersSkipped = 4;

    internal static void Run(ComputeDevice device, int repeats)
    {
        using var model = new LanguageModel(device, Gpt2.Small);
        model.Initialize(1);
        var peer = new TorchGpt2(model);
        Console.WriteLine($"{"cells, GPT-2 small",-24} {"tokens",6} {"cells",6} {"HeadTap ms",11} "
            + $"{"cell by cell",13} {"ratio",6} {"by layer",11} {"ratio",6}  spreads");
        foreach (int tokens in PatchWork.Lengths)
            foreach ((SiteKind kind, PatchAxis axis) in PatchWork.Grids)
                Compare(model, peer, kind, axis, tokens, repeats);
    }

    static void Compare(
        LanguageModel model, TorchGpt2 peer, SiteKind kind, PatchAxis axis, int tokens, int repeats)
    {
        int L = model.Config.Layers;
        PatchGrid grid = PatchWork.Grid(model.Config, kind, axis);
        ContrastPair pair = PatchWork.Pair(model.Config, tokens);
        var contrast = PatchContrast.Of(pair);
        using var sweep = new PatchSweep(model, grid, tokens);
        int each = axis == PatchAxis.Head ? model.Config.Heads : tokens, cells = L * each;
        using torch.Tensor one = torch.tensor([.. pair.Corrupt!.Select(t => (long)t)]).reshape(1, tokens),
            rows = one.repeat(each, 1);
        var (ours, alone, together) = (new double[repeats], new double[repeats], new double[repeats]);
        for (int r = -1; r < repeats; r++)
        {
            Thread.Sleep(20); // PyTorch's workers spin for a while after their last product
            double mine = Time(() => sweep.Run(contrast, PatchWork.Metric));
            double single = Time(() => Passes(peer, one, cells / CellsSkipped)) * CellsSkipped;
            double layers = Time(() => Passes(peer, rows, L / LayersSkipped)) * LayersSkipped;
            if (r >= 0) // the first warms up
                (ours[r], alone[r], together[r]) = (mine, single, layers);
        }
        double[] first = Ratios(alone, ours), second = Ratios(together, ours);
        Console.WriteLine($"{SiteNames.Of(kind) + " by " + axis,-24} {tokens,6} {cells,6} "
            + $"{Median(ours),11:0} {Median(alone),13:0} {Median(first),6:0.0} {Median(together),11:0} "
            + $"{Median(second),6:0.0}  {first[0]:0.0} to {first[^1]:0.0}, {second[0]:0.0} to "
            + $"{second[^1]:0.0}");
    }

    static void Passes(TorchGpt2 peer, torch.Tensor ids, int count)
    {
        using var noGradient = torch.no_grad();
        for (int i = 0; i < count; i++)
        {
            using var scope = torch.NewDisposeScope();
            _ = peer.Forward(ids, false).select(1, -1).matmul(peer["wte.weight"].t());
        }
    }

    static double Time(Action work)
    {
        var watch = Stopwatch.StartNew();
        work();
        return watch.Elapsed.TotalMilliseconds;
    }

    static double[] Ratios(double[] slow, double[] fast) => [.. slow.Zip(fast, (s, f) => s / f).Order()];

    static double Median(double[] values) => values.Order().ElementAt(values.Length / 2);
}
