using System.Diagnostics;
using HeadTap.Models;
using HeadTap.Runtime;
using TorchSharp;

namespace HeadTap.Peers;

/// <summary>
/// GPT-2 124M with random weights, ours and PyTorch's (TorchSharp), in one process: correct first, then timed
/// in turns, so that a noisy machine is noisy to both. Prints medians and the median of the pairs' ratios.
/// </summary>
static class Comparison
{
    static readonly (int B, int T)[] Shapes = [(4, 64), (4, 256), (1, 1024)];

    public static int Run(string[] args)
    {
        int repeats = Option(args, "--repeats", 5), only = Option(args, "--shape", -1);
        string work = Text(args, "--work") ?? "all";
        if (work == "lens")
            return LensComparison.Run(
                repeats, only, Text(args, "--product") ?? "Linear", Text(args, "--adam"));
        torch.set_num_threads(2);
        using ComputeDevice device = ComputeDevice.Open("cpu");
        if (work == "unlearn")
        {
            UnlearnComparison.Run(device, repeats);
            return 0;
        }
        if (work == "merge")
        {
            MergeComparison.Run(repeats);
            return 0;
        }
        if (work == "plane")
        {
            PlaneComparison.Run(device, repeats);
            return 0;
        }
        if (work == "patch")
        {
            PatchComparison.Run(device, repeats);
            return 0;
        }
        if (work == "jacobian")
        {
            JacobianComparison.Run(device, repeats);
            return 0;
        }
        if (work == "decode")
        {
            DecodeComparison.Run(device, repeats, only);
            return 0;
        }
        if (work == "sweep")
        {
            SweepComparison.Run(device, repeats);
            return 0;
        }
        using var model = new LanguageModel(device, Gpt2.Small);
        model.Initialize(1);
        var peer = new TorchGpt2(model);
        Console.WriteLine($"TorchSharp {typeof(torch).Assembly.GetName().Version}, 2 threads, MKL "
            + $"{(Environment.GetEnvironmentVariable("HEADTAP_PEER") ?? "as it comes")}; GPT-2 124M, random "
            + "weights, float32");
        Console.WriteLine($"{"work",-44} {"shape",-12} {"HeadTap s",10} {"PyTorch s",10} {"ours tok/s",10} "
            + $"{"ratio",7}  spread");
        for (int s = 0; s < Shapes.Length; s++)
            if (only < 0 || only == s)
                Shape(model, peer, Shapes[s].B, Shapes[s].T, repeats, work);
        Console.WriteLine($"HeadTap's arenas held {MemoryPlan.Text(device.PeakBytes)} at most; the process "
            + $"{MemoryPlan.Text(Process.GetCurrentProcess().PeakWorkingSet64)} with PyTorch's");
        return 0;
    }

    static void Shape(LanguageModel model, TorchGpt2 peer, int B, int T, int repeats, string work)
    {
        var random = new SeededRandom(2);
        int[] tokens = [.. Enumerable.Range(0, B * T).Select(_ => random.Next(model.Config.VocabSize))];
        var batch = new SequenceBatch(tokens, [.. Enumerable.Repeat(T, B)], T);
        using torch.Tensor ids = torch.tensor([.. tokens.Select(t => (long)t)]).reshape(B, T);
        string shape = $"B={B} T={T}";
        Site[] z = [.. Site.MatchAll(["blocks.*.attn.hook_z"], model.Config)];
        Site[] results = [.. Site.MatchAll(["blocks.*.attn.hook_result"], model.Config)];

        if (work is "all" or "forward")
        {
            using var plain = Session(model, B, T, LogitsAt.All, []);
            Agree(model, peer, plain, batch, ids);
            Pair("forward with logits", shape, B * T, repeats, () => plain.Forward(batch),
                () => Inference(peer, ids, true));
            using var hidden = Session(model, B, T, LogitsAt.None, []);
            Pair("forward without the vocabulary product", shape, B * T, repeats,
                () => hidden.Forward(batch), () => Inference(peer, ids, false));
        }
        if (work is "all" or "taps")
        {
            using var hidden = Session(model, B, T, LogitsAt.None, []);
            using var withZ = Session(model, B, T, LogitsAt.None, z);
            using var withResults = Session(model, B, T, LogitsAt.None, results);
            Pair("  every hook_z, against our plain forward", shape, B * T, repeats,
                () => withZ.Forward(batch), () => hidden.Forward(batch), "ours plain");
            Pair("  every hook_result, against our plain forward", shape, B * T, repeats,
                () => withResults.Forward(batch), () => hidden.Forward(batch), "ours plain");
            Pair("  every hook_result, PyTorch by einsum", shape, B * T, repeats,
                () => withResults.Forward(batch), () => Inference(peer, ids, false, TorchGpt2.Heads.Einsum));
            Pair("  every hook_result, PyTorch by extra product", shape, B * T, repeats,
                () => withResults.Forward(batch), () =>
                Inference(peer, ids, false, TorchGpt2.Heads.ExtraProduct));
        }
        if (work is "all" or "backward")
            Backward(model, peer, batch, ids, shape, repeats);
    }

    static void Backward(LanguageModel model, TorchGpt2 peer, SequenceBatch batch, torch.Tensor ids,
        string shape, int repeats)
    {
        using var session = new ModelSession(model, new SessionOptions
        {
            MaxRows = batch.B, MaxTokens = batch.T, Backward = true,
        });
        using var gradients = ParameterGradients.Create(model);
        int[] targets = batch.NextTokens();
        int counted = batch.B * (batch.T - 1);
        Pair("forward + backward", shape, batch.B * batch.T, repeats, () =>
        {
            gradients.Clear(model.Ops);
            session.ForwardBackward(batch, targets, gradients, 1f / counted);
        }, () =>
        {
            using torch.Tensor loss = Loss(peer, ids);
            foreach (torch.Tensor p in peer.Parameters)
                p.grad?.zero_();
            loss.backward();
        });
    }

    static torch.Tensor Loss(TorchGpt2 peer, torch.Tensor ids)
    {
        using var scope = torch.NewDisposeScope();
        torch.Tensor logits = peer.Forward(ids, true);
        long V = logits.shape[2], T = ids.shape[1];
        return torch.nn.functional.cross_entropy(logits.narrow(1, 0, T - 1).reshape(-1, V),
            ids.narrow(1, 1, T - 1).reshape(-1)).MoveToOuterDisposeScope();
    }

    static void Inference(TorchGpt2 peer, torch.Tensor ids, bool logits,
        TorchGpt2.Heads heads = TorchGpt2.Heads.None)
    {
        using var noGradient = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        peer.Forward(ids, logits, heads, heads == TorchGpt2.Heads.None ? null : []);
    }

    // Two implementations that disagree are not worth timing.
    static void Agree(LanguageModel model, TorchGpt2 peer, ModelSession session,
        SequenceBatch batch, torch.Tensor ids)
    {
        session.Forward(batch);
        float[] ours = session.Logits.ToArray();
        using var noGradient = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        float[] theirs = peer.Forward(ids, true).data<float>().ToArray();
        double worst = 0;
        for (int i = 0; i < ours.Length; i++)
            worst = Math.Max(worst, Math.Abs(ours[i] - theirs[i]));
        if (!(worst <= 2e-5))
            throw new InvalidOperationException($"Logits differ by {worst:E2}; nothing is timed.");
        Console.WriteLine(
            $"logits agree within {worst:E1} ({ours.Length} values, {model.Config.Layers} layers)");
    }

    static ModelSession Session(LanguageModel model, int B, int T, LogitsAt logits, Site[] record)
        => new(model, new SessionOptions { MaxRows = B, MaxTokens = T, Logits = logits, Record = record });

    static void Pair(string work, string shape, int tokens, int repeats, Action ours, Action theirs,
        string other = "PyTorch")
    {
        ours();
        theirs();
        double[] a = new double[repeats], b = new double[repeats];
        for (int i = 0; i < repeats; i++)
        {
            a[i] = Time(ours);
            b[i] = Time(theirs);
        }
        double[] ratios = [.. a.Zip(b, (x, y) => y / x).Order()];
        Console.WriteLine($"{work,-44} {shape,-12} {Median(a),10:0.0000} {Median(b),10:0.0000} "
            + $"{tokens / Median(a),10:0} {Median(ratios),7:0.00}  {ratios[0]:0.00} to "
            + $"{ratios[^1]:0.00}{(other == "PyTorch" ? "" : $" ({other})")}");
    }

    static double Time(Action action)
    {
        Thread.Sleep(20); // the other side's workers spin for a while after their last product
        var watch = Stopwatch.StartNew();
        action();
        return watch.Elapsed.TotalSeconds;
    }

    static double Median(double[] values)
    {
        double[] sorted = [.. values.Order()];
        int n = sorted.Length;
        return n % 2 == 1 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
    }

    static int Option(string[] args, string name, int absent)
        => Text(args, name) is { } text
            ? int.Parse(text, System.Globalization.CultureInfo.InvariantCulture) : absent;

    static string? Text(string[] args, string name)
        => args.SkipWhile(a => a != name).Skip(1).FirstOrDefault();
}
