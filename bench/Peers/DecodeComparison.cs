using System.Diagnostics;
using System.Globalization;
using HeadTap.Models;
using HeadTap.Runtime;
using TorchSharp;

namespace HeadTap.Peers;

/// <summary>
/// Tokens one after the other over a key/value cache: ours, PyTorch's and llama.cpp's in turns, and the share
/// of the
/// speed at which this machine reads the weights once a step, measured between them.
/// </summary>
static class DecodeComparison
{
    const int New = 24, Threads = 2;

    static readonly (int B, int Prompt)[] Shapes = [(1, 128), (1, 900), (8, 128), (8, 900)];

    internal static void Run(ComputeDevice device, int repeats, int only)
    {
        using var model = new LanguageModel(device, Gpt2.Small);
        model.Initialize(1);
        var peer = new TorchGpt2(model);
        LlamaPeer? llama = LlamaPeer.Find(model);
        if (llama is null)
            Console.WriteLine(
                $"llama.cpp: not here; npm install --prefix {LlamaPeer.Folder} --ignore-scripts "
                + "node-llama-cpp@3.22.1");
        Console.WriteLine(
            $"{"rows",4} {"after",6} {"HeadTap tok/s",14} {"PyTorch",9} {"ratio",6} {"llama.cpp",10} "
            + $"{"ratio",6} {"GB/s read",10} {"share",6} {"all z",6} {"edits",6}  spread of the first ratio");
        for (int s = 0; s < Shapes.Length; s++)
            if (only < 0 || only == s)
                Shape(model, peer, llama, Shapes[s].B, Shapes[s].Prompt, repeats);
        llama?.Dispose();
    }

    static void Shape(LanguageModel model, TorchGpt2 weights, LlamaPeer? llama, int B, int prompt,
        int repeats)
    {
        var random = new SeededRandom(3);
        int[][] rows = [.. Enumerable.Range(0, B).Select(_ => (int[])[.. Enumerable.Range(0, prompt)
            .Select(_ => random.Next(model.Config.VocabSize))])];
        using var peer = new TorchDecoder(weights, model.Config, B, prompt + New);
        Agree(model, peer, rows);
        Site[] z = [.. Site.MatchAll(["blocks.*.attn.hook_z"], model.Config)];
        var edit = new Edit { Site = "blocks.*.hook_resid_post", Operation = EditOperation.Scale,
            Alpha = 1.5f };
        var (mine, torchs, llamas, reads) =
            (new List<double>(), new List<double>(), new List<double>(), new List<double>());
        var (taps, edits) = (new List<double>(), new List<double>());
        for (int r = -1; r < repeats; r++)
        {
            Thread.Sleep(20); // PyTorch's workers spin for a while after their last product
            double read = ReadBandwidth.Measure(Threads), ours = Step(model, rows, []);
            double tapped = Step(model, rows, z), edited;
            using (model.Attach(edit))
                edited = Step(model, rows, []);
            double theirs = TorchStep(peer, rows);
            double third = llama?.TokensPerSecond(B, prompt, New, Threads) ?? double.NaN;
            if (r < 0)
                continue; // the first warms up
            mine.Add(B / ours);
            torchs.Add(B / theirs);
            llamas.Add(third);
            reads.Add(read);
            taps.Add(tapped / ours);
            edits.Add(edited / ours);
        }
        // Position embeddings are looked up; the token embedding is read once, as the head.
        double bytes = 4.0 * (model.Parameters.TotalLength - (
            long)model.Config.ContextLength * model.Config.Width
            + 2.0 * B * (prompt + New / 2) * model.Config.Width * model.Config.Layers);
        double[] ratios = [.. mine.Zip(torchs, (a, b) => a / b).Order()];
        double share = Median([.. mine.Zip(reads, (tokens, read) => bytes * tokens / B / read)]);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{B,4} {prompt,6} {Median(mine),14:0.0} {Median(torchs),9:0.0} {Median([.. ratios]),6:0.00} "
            + $"{Median(llamas),10:0.0} {Median([.. mine.Zip(llamas, (a, b) => a / b)]),6:0.00} "
            + $"{Median(reads) / 1e9,10:0.0} {share,6:0.00} {Median(taps),6:0.000} {Median(edits),6:0.000}  "
            + $"{ratios[0]:0.00} to {ratios[^1]:0.00}"));
    }

    // Seconds of a step, prompts aside.
    static double Step(LanguageModel model, int[][] rows, Site[] record)
    {
        var times = new List<double>();
        long last = 0;
        new Generator(model).Generate(new SequenceBatch(rows), new GenerationOptions
        {
            MaxNewTokens = New, Record = record,
            Sampling = new SamplingOptions(Greedy: true),
            OnStep = _ =>
            {
                long now = Stopwatch.GetTimestamp();
                if (last != 0)
                    times.Add(Stopwatch.GetElapsedTime(last, now).TotalSeconds);
                last = now;
            },
        });
        return Median(times);
    }

    static double TorchStep(TorchDecoder peer, int[][] rows)
    {
        var times = new List<double>();
        peer.Clear();
        torch.Tensor logits = peer.Next(Ids(rows));
        for (int step = 1; step < New; step++)
        {
            long start = Stopwatch.GetTimestamp();
            using torch.Tensor before = logits, chosen = logits.argmax(-1, keepdim: true);
            logits = peer.Next(chosen);
            _ = chosen.data<long>()[0];
            times.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
        logits.Dispose();
        return Median(times);
    }

    static void Agree(LanguageModel model, TorchDecoder peer, int[][] rows)
    {
        peer.Clear();
        using torch.Tensor first = peer.Next(Ids(rows)), chosen = first.argmax(-1, keepdim: true),
            second = peer.Next(chosen);
        float[] theirs = second.data<float>().ToArray();
        double largest = 0;
        new Generator(model).Generate(new SequenceBatch(rows), new GenerationOptions
        {
            MaxNewTokens = 2, Sampling = new SamplingOptions(Greedy: true),
            OnStep = s => largest = s.Step == 0 ? 0
                : s.Logits.ToArray().Zip(theirs, (a, b) => (double)Math.Abs(a - b)).Max(),
        });
        if (!(largest <= 1e-3))
            throw new InvalidOperationException($"logits differ by {largest:0.0e0}: nothing to compare");
    }

    static torch.Tensor Ids(int[][] rows) => torch.tensor([.. rows.SelectMany(r => r).Select(t => (long)t)])
        .reshape(rows.Length, rows[0].Length);

    static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
}
