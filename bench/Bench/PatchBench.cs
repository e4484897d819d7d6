using System.Diagnostics;
using HeadTap.Circuits;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Bench;

/// <summary>
/// Activation patching beside the same cells run one by one, each as a forward pass of its own in a session
/// that is kept, with the same edit attached. Both give the same bits, which is checked.
/// </summary>
static class PatchBench
{
    const int Taken = 16;

    internal static int Run(string deviceName, int repeats)
    {
        using ComputeDevice device = ComputeDevice.Open(deviceName);
        using var model = new LanguageModel(device, new ModelConfig
        {
            VocabSize = 50257, ContextLength = 1024, Width = 768, Layers = 12, Heads = 12, Inner = 3072,
        });
        model.Initialize(1);
        Console.WriteLine($"GPT-2 small's sizes, {HostThreadCount} threads, one pair, median of {repeats}");
        Console.WriteLine($"{"cells",-24} {"tokens",6} {"number",6} {"batched ms",10} {"one by one",11} "
            + $"{"times",6} {"arithmetic",10}");
        foreach (int tokens in PatchWork.Lengths)
            foreach ((SiteKind kind, PatchAxis axis) in PatchWork.Grids)
                Compare(model, kind, axis, tokens, repeats);
        return 0;
    }

    static int HostThreadCount => ComputeDevice.HostThreadCount;

    // One by one, some cells are run, spread over the layers, and their time counts for all.
    static void Compare(LanguageModel model, SiteKind kind, PatchAxis axis, int tokens, int repeats)
    {
        PatchGrid grid = PatchWork.Grid(model.Config, kind, axis);
        ContrastPair pair = PatchWork.Pair(model.Config, tokens);
        AnswerMetric metric = PatchWork.Metric;
        var contrast = PatchContrast.Of(pair);
        using var sweep = new PatchSweep(model, grid, tokens);
        using var session = new ModelSession(model, new SessionOptions
        {
            MaxTokens = tokens, Logits = LogitsAt.Last,
        });
        using var recording = new ModelSession(model, new SessionOptions
        {
            MaxTokens = tokens, Record = [.. grid.Layers.Select(l => new Site(kind, l))],
        });
        recording.Forward(new SequenceBatch([pair.Clean]));
        Recording[] values = [.. grid.Layers.Select(l => recording.Recordings[new Site(kind, l)])];
        List<double> fast = [], slow = [];
        int number = 0;
        for (int r = 0; r <= repeats; r++)
        {
            var watch = Stopwatch.StartNew();
            PatchedPair found = sweep.Run(contrast, metric);
            double batched = watch.Elapsed.TotalMilliseconds;
            number = found.Cells.Count;
            watch.Restart();
            int taken = 0;
            for (int i = r % (number / Taken); i < number; i += number / Taken, taken++)
            {
                using (model.Attach(EditOf(kind, found.Cells[i], values)))
                    session.Forward(new SequenceBatch([pair.Corrupt!]));
                double alone = metric.Value(session.Logits.ToArray());
                if (alone != found.Values[i])
                    throw new InvalidOperationException($"{found.Cells[i]}: {alone}, {found.Values[i]}");
            }
            if (r == 0)
                continue; // warms up
            fast.Add(batched);
            slow.Add(watch.Elapsed.TotalMilliseconds * number / taken);
        }
        double[] ratios = [.. slow.Zip(fast, (s, f) => s / f).Order()];
        Console.WriteLine($"{SiteNames.Of(kind) + " by " + axis,-24} {tokens,6} {number,6} "
            + $"{Median(fast),10:G4} {Median(slow),11:G4} {ratios[ratios.Length / 2],6:0.0} "
            + $"{PatchCost.Of(model.Config, grid, tokens).Saved,9:0.0}x   ({ratios[0]:0.0} to "
            + $"{ratios[^1]:0.0})");
    }

    static Edit EditOf(SiteKind kind, PatchCell cell, Recording[] values) => new()
    {
        Site = new Site(kind, cell.Layer), Operation = EditOperation.Patch, Head = cell.Head,
        Value = EditValue.Recorded(values[cell.Layer].ToArray(), values[cell.Layer].Shape),
        Positions = cell.Position is { } p ? EditPositions.List([p]) : EditPositions.All,
    };

    static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
}
