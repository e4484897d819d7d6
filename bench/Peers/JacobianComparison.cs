using System.Diagnostics;
using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;
using TorchSharp;

namespace HeadTap.Peers;

/// <summary>
/// A fit of Jacobian lenses to one prompt beside PyTorch doing what the published code does: the prompt 8
/// times in a batch, one forward pass, and a backward pass for every 8 output dimensions whose graph is kept.
/// Both are compared first: rows of the matrices agree.
/// </summary>
static class JacobianComparison
{
    const int Rows = 8, Tokens = 64;

    internal static void Run(ComputeDevice device, int repeats)
    {
        Console.WriteLine($"{"fit of one prompt, 64 tokens",-32} {"passes",6} {"HeadTap s",10} "
            + $"{"PyTorch s",10} {"ratio",6}  spread");
        Compare("sizes of weights/atlas", device, new ModelConfig
        {
            VocabSize = 2540, ContextLength = 128, Width = 192, Layers = 5, Heads = 6, Inner = 768,
        }, repeats);
        Compare("GPT-2 small, 3 of 12 blocks", device, Gpt2.Small with { Layers = 3 }, repeats);
    }

    static void Compare(string name, ComputeDevice device, ModelConfig config, int repeats)
    {
        using var model = new LanguageModel(device, config);
        model.Initialize(1);
        var peer = new TorchGpt2(model);
        int[] prompt = [.. Enumerable.Range(0, Tokens).Select(i => 37 * i % config.VocabSize)];
        int[] layers = [.. Enumerable.Range(0, config.Layers)];
        int passes = (config.Width + Rows - 1) / Rows;
        double worst = 0;
        var (ours, theirs) = (new double[repeats], new double[repeats]);
        for (int r = -1; r < repeats; r++)
        {
            Thread.Sleep(20); // PyTorch's workers spin for a while after their last product
            string folder = Directory.CreateTempSubdirectory("headtap-jacobian-").FullName;
            var watch = Stopwatch.StartNew();
            JacobianFit.Run(model, "hash", layers, new JacobianFitOptions
            {
                Site = JacobianSite.ResidMid, Positions = JacobianPositions.All, BatchRows = Rows,
                Prompts = 1,
            }, DocumentSource.FromIds([prompt], "prompt"), folder);
            double mine = watch.Elapsed.TotalSeconds;
            watch.Restart();
            float[] rows = Fit(peer, prompt, config.Width, r < 0 ? 1 : passes);
            if (r >= 0)
                (ours[r], theirs[r]) = (mine, watch.Elapsed.TotalSeconds);
            else
                worst = Difference(model, folder, layers, rows);
            Directory.Delete(folder, recursive: true);
        }
        double[] ratios = [.. theirs.Zip(ours, (t, o) => t / o).Order()];
        Console.WriteLine($"{name,-32} {passes,6} {Median(ours),10:0.00} {Median(theirs),10:0.00} "
            + $"{Median(ratios),6:0.0}  {ratios[0]:0.0} to {ratios[^1]:0.0}; largest difference of the first "
            + $"rows {worst:0.0e+0}");
    }

    // [layers, 8, C]: the first rows of the last pass.
    static float[] Fit(TorchGpt2 peer, int[] prompt, int C, int passes)
    {
        using var all = torch.NewDisposeScope();
        torch.Tensor ids = torch.tensor([.. prompt.Select(t => (long)t)]).reshape(1, Tokens).repeat(Rows, 1);
        var streams = new List<torch.Tensor>();
        torch.Tensor last = peer.LastStream(ids, streams);
        float[] rows = [];
        for (int pass = 0; pass < passes; pass++)
        {
            using var scope = torch.NewDisposeScope();
            torch.Tensor cotangent = torch.zeros(Rows, Tokens, C);
            for (int b = 0; b < Rows && pass * Rows + b < C; b++)
                cotangent.select(0, b).select(1, pass * Rows + b).fill_(1f);
            IList<torch.Tensor> gradients =
                torch.autograd.grad([last], streams, [cotangent], retain_graph: true);
            float[][] means = [.. gradients.Select(g => g.mean([1L]).data<float>().ToArray())];
            if (pass == 0)
                rows = [.. means.SelectMany(m => m)];
        }
        return rows;
    }

    static double Difference(LanguageModel model, string folder, int[] layers, float[] rows)
    {
        int C = model.Config.Width;
        using LensSet lens = LensFolder.Load(model, "hash", folder, layers, positions: 1);
        return layers.Max(l => lens[l].Parameters[0].Value.ToArray().Take(Rows * C)
            .Zip(rows.Skip(l * Rows * C), (a, b) => (double)Math.Abs(a - b)).Max());
    }

    static double Median(double[] values) => values.Order().ElementAt(values.Length / 2);
}
