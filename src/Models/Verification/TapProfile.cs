using System.Diagnostics;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>What one kind of recording costs.</summary>
/// <param name="Name">What is recorded.</param>
/// <param name="MedianSeconds">Of a forward pass.</param>
/// <param name="FastestSeconds">Least of the repeats.</param>
/// <param name="SlowestSeconds">Most of the repeats.</param>
/// <param name="RecordedBytes">Size of what is recorded.</param>
/// <param name="MemoryBytes">Weights and activations together.</param>
/// <param name="Overhead">
/// Median over the turns of a pass's time divided by that turn's pass without recording, less one.
/// </param>
/// <param name="OverheadLow">The turns' lower quartile.</param>
/// <param name="OverheadHigh">The turns' upper quartile.</param>
public sealed record TapCost(string Name, double MedianSeconds, double FastestSeconds, double SlowestSeconds,
    long RecordedBytes, long MemoryBytes, double Overhead, double OverheadLow, double OverheadHigh);

/// <summary>
/// Times forward passes with and without recordings, in turns, so that a slow minute slows all alike.
/// </summary>
public static class TapProfile
{
    static readonly (string Name, SiteKind[] Kinds)[] Taps =
    [
        ("none", []),
        ("hook_z", [SiteKind.Z]),
        ("hook_resid_post", [SiteKind.ResidPost]),
        ("hook_pattern", [SiteKind.Pattern]),
        ("hook_result", [SiteKind.Result]),
        ("all of these", [SiteKind.Z, SiteKind.ResidPost, SiteKind.Pattern, SiteKind.Result]),
    ];

    /// <summary>Measures random tokens.</summary>
    /// <param name="model">The model.</param>
    /// <param name="rows">Rows of the batch.</param>
    /// <param name="tokens">Tokens of a row.</param>
    /// <param name="repeats">Timed passes of each kind, after one that is not timed.</param>
    /// <param name="seed">Of the tokens.</param>
    /// <param name="progress">Told passes done and in all.</param>
    /// <exception cref="UserException">The sizes do not fit the model or the device.</exception>
    public static IReadOnlyList<TapCost> Measure(LanguageModel model, int rows, int tokens,
        int repeats, ulong seed,
        Action<int, int>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        var random = new SeededRandom(seed);
        int V = model.Config.VocabSize;
        int[] ids = [.. Enumerable.Range(0, checked(rows * tokens)).Select(_ => random.Next(V))];
        var batch = new SequenceBatch(ids, [.. Enumerable.Repeat(tokens, rows)], tokens);
        SessionOptions[] options = [.. Taps.Select(t => new SessionOptions
        {
            MaxRows = rows, MaxTokens = tokens, Logits = LogitsAt.Last,
            Record = [.. Site.All(model.Config).Where(s => t.Kinds.Contains(s.Kind))],
        })];
        var plan = new MemoryPlan(model.Device);
        for (int i = 0; i < Taps.Length; i++)
            plan.Add($"pass with {Taps[i].Name}", ModelSession.Floats(model, options[i]));
        plan.Require($"fewer {Field.Of("Tokens")} or a smaller {Field.Of("BatchSize")}");
        var sessions = new List<ModelSession>();
        try
        {
            foreach (SessionOptions o in options)
                sessions.Add(new ModelSession(model, o));
            return Summary(model, options, sessions, Time(sessions, batch, repeats, progress));
        }
        finally
        {
            foreach (ModelSession session in sessions)
                session.Dispose();
        }
    }

    static double[][] Time(IReadOnlyList<ModelSession> sessions, SequenceBatch batch, int repeats,
        Action<int, int>? progress)
    {
        double[][] seconds = [.. sessions.Select(_ => new double[repeats])];
        for (int repeat = -1; repeat < repeats; repeat++)
        {
            for (int place = 0; place < sessions.Count; place++)
            {
                // Every other turn runs backwards, so that no kind is always first after a pause.
                int i = repeat % 2 == 0 ? place : sessions.Count - 1 - place;
                long start = Stopwatch.GetTimestamp();
                sessions[i].Forward(batch);
                sessions[i].Model.Device.Synchronize();
                if (repeat >= 0)
                    seconds[i][repeat] = Stopwatch.GetElapsedTime(start).TotalSeconds;
            }
            progress?.Invoke(repeat + 2, repeats + 1);
        }
        return seconds;
    }

    static TapCost[] Summary(LanguageModel model, SessionOptions[] options,
        List<ModelSession> sessions, double[][] seconds)
    {
        var costs = new TapCost[seconds.Length];
        double[] plain = [.. seconds[0]]; // in the order of the turns
        for (int i = 0; i < costs.Length; i++)
        {
            // A turn's two passes meet the same neighbours on a shared machine, two medians may not.
            double[] ratios = [.. seconds[i].Zip(plain, (with, without) => with / without)];
            Array.Sort(ratios);
            Array.Sort(seconds[i]);
            long recorded = sessions[i].Recordings.Values.Sum(r => sizeof(float)
                * r.Shape.Aggregate(1L, (a, n) => a * n));
            long memory = sizeof(float)
                * (model.Parameters.TotalLength + ModelSession.Floats(model, options[i]));
            costs[i] = new(Taps[i].Name, Quantile(seconds[i], 0.5), seconds[i][0],
                seconds[i][^1], recorded, memory,
                Quantile(ratios, 0.5) - 1, Quantile(ratios, 0.25) - 1, Quantile(ratios, 0.75) - 1);
        }
        return costs;
    }

    static double Quantile(double[] sorted, double share)
    {
        double at = share * (sorted.Length - 1);
        int below = (int)at, above = Math.Min(below + 1, sorted.Length - 1);
        return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
    }
}
