using System.Diagnostics;
using HeadTap.Atlas;
using HeadTap.Kernels;
using HeadTap.Models;
using HeadTap.Reference;
using HeadTap.Runtime;

namespace HeadTap.Bench;

/// <summary>
/// What a precision does to the logits of a whole GPT-2, found without a GPU: the textbook pass in float64
/// with every operand of every product rounded as the kernels round it, and the textbook pass in float32.
/// </summary>
/// <remarks>
/// The operands are the matrices and what they multiply, q, k, v, the pattern and z. Sums are exact here, so
/// the figures of TF32 and BF16 are those of rounding operands alone; float32 sums add what the float32 row
/// shows. Fused attention rounds exp(score - maximum so far) where this rounds the finished pattern: numbers
/// of the same relative error.
/// </remarks>
static class LogitsError
{
    const int T = 32;

    static readonly string[] s_operands =
        ["hook_normalized", "hook_q", "hook_k", "hook_v", "hook_pattern", "hook_z", "hook_post"];

    /// <summary>Random weights of GPT-2 small's sizes, then <paramref name="trained"/>.</summary>
    /// <param name="trained">A model folder that was trained on the atlas' text.</param>
    internal static int Run(string trained)
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        Console.WriteLine($"{"model",-24} {"precision",-9} {"max error",9} {"rms error",9} {"of spread",9} "
            + $"{"KL mean",9} {"KL max",9} {"top-1 changed",14} {"s",6}");
        using (LanguageModel atlas = LanguageModel.Load(device, trained))
        {
            ByteBpeTokenizer tokenizer = ByteBpeTokenizer.Load(trained);
            var corpus = new AtlasCorpus(AtlasFacts.Shipped, seed: 1);
            Report($"{trained}, its text", atlas, [.. corpus.Documents
                .Select(d => tokenizer.Encode(d)).Where(d => d.Length >= T).Take(16).Select(d => d[..T])]);
        }
        using (var random = new LanguageModel(device, Gpt2.Small))
        {
            random.Initialize(seed: 1);
            var draw = new SeededRandom(2);
            Report("GPT-2 small, random", random, [.. Enumerable.Range(0, 2).Select(_ =>
                Enumerable.Range(0, T).Select(_ => draw.Next(random.Config.VocabSize)).ToArray())]);
        }
        return 0;
    }

    static void Report(string name, LanguageModel model, int[][] rows)
    {
        double[][] exact = Logits<double>(model, rows, null, out _);
        Print("fp32", Array.ConvertAll(Logits<float>(model, rows, null, out double seconds),
            row => Array.ConvertAll(row, v => (double)v)), seconds);
        double[][] found = Logits<double>(model, rows, v => ReducedPrecision.Tf32((float)v), out seconds);
        Print("tf32", found, seconds);
        found = Logits<double>(model, rows, v => ReducedPrecision.Bf16((float)v), out seconds);
        Print("bf16", found, seconds);
        if (rows.Length > 2 // costs a pass; a large model shows nothing that a small one does not
            && !Logits<double>(model, rows[..1], v => v, out _)[0].SequenceEqual(exact[0]))
            throw new InvalidOperationException("A rounding that leaves every number changes the logits.");

        void Print(string precision, double[][] logits, double took)
        {
            var e = new Summary(model.Config.VocabSize);
            for (int r = 0; r < rows.Length; r++)
                for (int t = 0; t < T; t++)
                    e.Add(exact[r].AsSpan(t * e.V, e.V), logits[r].AsSpan(t * e.V, e.V));
            Console.WriteLine($"{name,-24} {precision,-9} {e.Max,9:E1} {Math.Sqrt(e.Squares / e.Count),9:E1} "
                + $"{Math.Sqrt(e.Squares / e.Spread),9:E1} {e.Divergence / e.Positions,9:E1} {e.Worst,9:E1} "
                + $"{$"{e.Changed} of {e.Positions}",14} {took,6:F1}");
        }
    }

    static TReal[][] Logits<TReal>(
        LanguageModel model, int[][] rows, Func<TReal, TReal>? round, out double seconds)
        where TReal : System.Numerics.IFloatingPointIeee754<TReal>
    {
        long begun = Stopwatch.GetTimestamp();
        ModelConfig c = model.Config;
        var sizes = new Gpt2Sizes(c.VocabSize, c.ContextLength, c.Width, c.Layers, c.Heads, c.Inner)
        {
            TiedHead = false, HeadBias = c.HeadBias, Epsilon = c.LayerNormEpsilon,
            ScaleAttention = c.ScaleAttention,
            ScaleAttentionByLayer = c.ScaleAttentionByLayer,
        };
        TReal[] Values(string name) => Array.ConvertAll(model.Set[name].ToArray(), TReal.CreateChecked);
        TReal[] Rounded(TReal[] values)
        {
            for (int i = 0; round is not null && i < values.Length; i++)
                values[i] = round(values[i]);
            return values;
        }
        // Embeddings are looked up, not multiplied: the head gets a copy of its own.
        Dictionary<string, TReal[]> parameters = model.Parameters.Slices.ToDictionary(s => s.Name, s =>
            s.Role.InBlock() && s.Shape.Length == 2
                ? Rounded(Values(s.Name)) : Values(s.Name));
        parameters["lm_head.weight"] = Rounded(Values(c.TiedHead ? "wte.weight" : "lm_head.weight"));
        TReal[][] logits = new TReal[rows.Length][];
        HostThreads.For(rows.Length, r => logits[r] = Gpt2Reference.Forward(sizes, parameters, rows[r],
            (site, value) => s_operands.Any(o => site.EndsWith(o, StringComparison.Ordinal))
                ? Rounded(value) : value)["logits"]);
        seconds = Stopwatch.GetElapsedTime(begun).TotalSeconds;
        return logits;
    }

    // Logits of many positions against the exact ones.
    sealed class Summary(int V)
    {
        public int V { get; } = V;
        public double Max { get; private set; }
        public double Squares { get; private set; }
        public double Spread { get; private set; }
        public double Divergence { get; private set; }
        public double Worst { get; private set; }
        public long Count { get; private set; }
        public int Positions { get; private set; }
        public int Changed { get; private set; }

        public void Add(ReadOnlySpan<double> exact, ReadOnlySpan<double> found)
        {
            double mean = 0, largest = double.NegativeInfinity, other = double.NegativeInfinity;
            (int best, int otherBest) = (0, 0);
            for (int v = 0; v < V; v++)
            {
                mean += exact[v] / V;
                if (exact[v] > largest)
                    (largest, best) = (exact[v], v);
                if (found[v] > other)
                    (other, otherBest) = (found[v], v);
            }
            (double sum, double otherSum) = (0, 0);
            for (int v = 0; v < V; v++)
                (sum, otherSum) = (sum + Math.Exp(exact[v] - largest), otherSum + Math.Exp(found[v] - other));
            double divergence = 0;
            for (int v = 0; v < V; v++)
            {
                double error = found[v] - exact[v], log = exact[v] - largest - Math.Log(sum);
                divergence += Math.Exp(log) * (log - (found[v] - other - Math.Log(otherSum)));
                Max = Math.Max(Max, Math.Abs(error)); // NaN stays NaN
                Squares += error * error;
                Spread += (exact[v] - mean) * (exact[v] - mean);
            }
            Divergence += divergence;
            Worst = Math.Max(Worst, divergence);
            Count += V;
            Positions++;
            Changed += best == otherBest ? 0 : 1;
        }
    }
}
