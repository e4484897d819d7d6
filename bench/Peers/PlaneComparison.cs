using System.Diagnostics;
using HeadTap.Merge;
using HeadTap.Models;
using HeadTap.Runtime;
using TorchSharp;
using TorchSharp.Modules;

namespace HeadTap.Peers;

/// <summary>
/// Points of a plane at GPT-2 small's sizes: the weights are moved along two directions, then loss and
/// accuracy are measured. PyTorch moves its parameters in place too.
/// </summary>
static class PlaneComparison
{
    static readonly (int B, int T)[] Shapes = [(1, 64), (4, 64), (4, 256)];

    internal static void Run(ComputeDevice device, int repeats)
    {
        var model = new LanguageModel(device, Gpt2.Small);
        model.Initialize(1);
        var peer = new TorchGpt2(model);
        using var space = new WeightSpace(model);
        FlatParameters origin = space.Keep(), u = space.Vector("u of "), v = space.Vector("v of ");
        FilterNormal.Write(u, origin, 1, 0);
        FilterNormal.Write(v, origin, 1, 1);
        using var plane = new TorchPlane(peer, u, v);
        Console.WriteLine($"{"plane, GPT-2 small",-22} {"HeadTap points/s",17} {"PyTorch points/s",17} "
            + $"{"ratio",7}  spread");
        foreach ((int B, int T) in Shapes)
            Compare(space, (origin, u, v), plane, B, T, repeats);
        Console.WriteLine("alone: moving the weights");
        Time("move", repeats, i => space.MoveTo((1, origin), (0.01 * i, u), (0.02, v)),
            i => plane.MoveTo(0.01 * i, 0.02));
    }

    static void Compare(WeightSpace space, (FlatParameters Origin, FlatParameters U, FlatParameters V) at,
        TorchPlane plane, int B, int T, int repeats)
    {
        var random = new SeededRandom(2);
        int[][] rows = [.. Enumerable.Range(0, B).Select(_ =>
            Enumerable.Range(0, T + 1).Select(_ => random.Next(space.Model.Config.VocabSize)).ToArray())];
        using var meter = new LandscapeMeter(space.Model, rows, null, T);
        using torch.Tensor ids = torch.tensor([.. rows.SelectMany(r => r[..^1]).Select(t => (long)t)])
            .reshape(B, T);
        using torch.Tensor next = torch.tensor([.. rows.SelectMany(r => r[1..]).Select(t => (long)t)]);
        double ours = 0, theirs = 0;
        Time($"B={B} T={T}", repeats, i =>
        {
            space.MoveTo((1, at.Origin), (0.01 * i, at.U), (0.02, at.V));
            ours = meter.Measure().Loss;
        }, i =>
        {
            plane.MoveTo(0.01 * i, 0.02);
            theirs = plane.Measure(ids, next);
        });
        if (!(Math.Abs(ours - theirs) < 1e-3))
            throw new InvalidOperationException($"the losses differ: {ours:R} and {theirs:R}");
    }

    static void Time(string name, int repeats, Action<int> ours, Action<int> theirs)
    {
        double[] mine = new double[repeats], peers = new double[repeats];
        for (int r = -1; r < repeats; r++)
        {
            Thread.Sleep(20); // PyTorch's workers spin for a while after their last product
            var watch = Stopwatch.StartNew();
            ours(r + 2);
            double one = watch.Elapsed.TotalSeconds;
            watch.Restart();
            theirs(r + 2);
            if (r >= 0) // the first warms up
                (mine[r], peers[r]) = (one, watch.Elapsed.TotalSeconds);
        }
        double[] ratios = [.. mine.Zip(peers, (o, t) => t / o).Order()];
        Console.WriteLine($"{name,-22} {1 / Median(mine),17:0.00} {1 / Median(peers),17:0.00} "
            + $"{Median(ratios),7:0.00}  {ratios[0]:0.00} to {ratios[^1]:0.00}");
    }

    static double Median(double[] values) => values.Order().ElementAt(values.Length / 2);

    // The plane as a PyTorch user writes it, at its best: in place, parameter by parameter, no gradient.
    sealed class TorchPlane : IDisposable
    {
        readonly TorchGpt2 _peer;
        readonly List<(Parameter To, torch.Tensor At, torch.Tensor U, torch.Tensor V)> _parts = [];

        internal TorchPlane(TorchGpt2 peer, FlatParameters u, FlatParameters v)
        {
            _peer = peer;
            foreach (ParameterSlice slice in u.Included)
            {
                var to = (Parameter)peer[slice.Name];
                _parts.Add((to, to.detach().clone(), torch.tensor(u[slice.Name].ToArray()).reshape(to.shape),
                    torch.tensor(v[slice.Name].ToArray()).reshape(to.shape)));
            }
        }

        internal void MoveTo(double x, double y)
        {
            using var noGradient = torch.no_grad();
            foreach ((Parameter to, torch.Tensor at, torch.Tensor u, torch.Tensor v) in _parts)
            {
                to.copy_(at);
                to.add_(u, alpha: x);
                to.add_(v, alpha: y);
            }
        }

        internal double Measure(torch.Tensor ids, torch.Tensor next)
        {
            using var noGradient = torch.no_grad();
            using var scope = torch.NewDisposeScope();
            torch.Tensor logits = _peer.Forward(ids, true).reshape(next.shape[0], -1);
            _ = logits.argmax(-1).eq(next).sum().item<long>();
            return torch.nn.functional.cross_entropy(logits, next).item<float>();
        }

        public void Dispose()
        {
            foreach ((_, torch.Tensor at, torch.Tensor u, torch.Tensor v) in _parts)
            {
                at.Dispose();
                u.Dispose();
                v.Dispose();
            }
        }
    }
}
