using System.Diagnostics;
using HeadTap.Inject;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Bench;

/// <summary>
/// A memory sweep beside the same cells run one by one, each as a forward pass of its own in a session that
/// is kept, with the same edit attached. Both give the same bits, which is checked.
/// </summary>
static class SweepBench
{
    /// <summary>Prompts of about the length of the published ones (arXiv 2309.05605).</summary>
    const int PromptTokens = 13;

    internal static int Run(string deviceName, int repeats)
    {
        Console.WriteLine($"{"model",-34} {"cells",6} {"sweep ms",9} {"one by one",11} {"times",7} "
            + $"{"arithmetic",10}");
        using (ComputeDevice device = ComputeDevice.Open(deviceName))
        {
            using (LanguageModel atlas = Random(device, new ModelConfig
            {
                VocabSize = 2540, ContextLength = 128, Width = 192, Layers = 5, Heads = 6, Inner = 768,
            }))
                Compare("weights/atlas' sizes, 15 tau", atlas, repeats, 1);
            using LanguageModel small = Random(device, new ModelConfig
            {
                VocabSize = 50257, ContextLength = 1024, Width = 768, Layers = 12, Heads = 12, Inner = 3072,
            });
            Compare("GPT-2 small's sizes, 15 tau", small, repeats, 12);
        }
        return 0;
    }

    // oneByOne: every n-th cell is run alone, and its time counts n times.
    static void Compare(string name, LanguageModel model, int repeats, int oneByOne)
    {
        var grid = new SweepGrid { Layers = [.. Enumerable.Range(0, model.Config.Layers)] };
        int[] prompt = [.. Enumerable.Range(0, PromptTokens).Select(i => 37 * i % model.Config.VocabSize)];
        var pair = new EncodedPair(new("", "", "", ""), prompt[..^3], prompt, [5, 6, 7], 11, 0..0);
        using var sweep = new InjectionSweep(model, grid, PromptTokens);
        using var session = new ModelSession(model, new SessionOptions
        {
            MaxTokens = PromptTokens, Logits = LogitsAt.Last,
        });
        var fast = new List<double>();
        var slow = new List<double>();
        for (int r = 0; r <= repeats; r++)
        {
            var watch = Stopwatch.StartNew();
            SweptPair swept = sweep.Run(pair);
            double sweepTime = watch.Elapsed.TotalMilliseconds;
            watch.Restart();
            for (int i = r % oneByOne; i < grid.Cells.Count; i += oneByOne)
            {
                SweepCell cell = grid.Cells[i];
                using (model.Attach(new Memory(pair.Memory, cell.Layer, cell.Tau).ToEdit()))
                    session.Forward(new SequenceBatch([prompt]));
                AnswerStanding alone = AnswerStanding.Of(session.Logits.ToArray(), pair.Answer, 0);
                if (alone.Probability != swept.Cells[i]!.Probability)
                    throw new InvalidOperationException($"{cell}: {alone} and {swept.Cells[i]}");
            }
            if (r == 0)
                continue; // warms up
            fast.Add(sweepTime);
            slow.Add(watch.Elapsed.TotalMilliseconds * oneByOne);
        }
        double[] ratios = [.. slow.Zip(fast, (s, f) => s / f).Order()];
        SweepCost cost = SweepCost.Of(model.Config, grid, [(prompt.Length - 3, prompt.Length)]);
        Console.WriteLine($"{name,-34} {grid.Cells.Count,6} {Median(fast),9:G4} {Median(slow),11:G4} "
            + $"{ratios[ratios.Length / 2],7:0.0} {cost.Saved,9:0.0}x   ({ratios[0]:0.0} to "
            + $"{ratios[^1]:0.0})");
    }

    static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);

    static LanguageModel Random(ComputeDevice device, ModelConfig config)
    {
        var model = new LanguageModel(device, config);
        model.Initialize(1);
        return model;
    }
}
