using HeadTap.Inject;
using HeadTap.Models;

namespace HeadTap.TwoHop;

/// <summary>A way of injecting at the cell that the validation pairs chose, on the test pairs.</summary>
sealed record InjectionRow(string Source, string? Detail, string Positions, int Layer, double Tau,
    double ChosenMeanProbability, HopOutcome Own, HopOutcome Other, HopOutcome Random);

/// <summary>
/// The same grid of layers, positions and magnitudes for every source. A magnitude is the length of what is
/// added, in mean lengths of the stream before the layer.
/// </summary>
static class InjectionTrial
{
    static readonly float[] s_taus = [0.2f, 0.5f, 1f, 2f];

    static readonly string[] s_positions = ["last", "description"];

    const int Draws = 3;

    /// <summary>Chooses a cell for each source and measures it beside its controls.</summary>
    internal static List<InjectionRow> Run(
        HopPairs pairs, IReadOnlyList<MemorySource> sources, ulong seed, Action<string> say)
    {
        HopPart part = pairs.Validation;
        int L = pairs.Model.Config.Layers;
        // [sources, places, layers, taus]: mean probability.
        double[,,,] mean = new double[sources.Count, s_positions.Length, L, s_taus.Length];
        using (var runs = new HopSuffixes(pairs.Model, part))
            for (int i = 0; i < part.Count; i++)
            {
                if (i % 10 == 0)
                    say($"choosing: {i} of {part.Count}");
                runs.Begin(part, i);
                for (int layer = 0; layer < L; layer++)
                {
                    int[] here = [.. Enumerable.Range(0, sources.Count)
                        .Where(s => sources[s].Vector(part, i, layer) is not null)];
                    float[][] added = [.. here.SelectMany(s => s_taus.Select(tau =>
                        Scaled(sources[s].Vector(part, i, layer)!, tau * Unit(part, i, layer))))];
                    for (int place = 0; place < s_positions.Length; place++)
                    {
                        AnswerStanding[] after = runs.Adding(layer, Places(part.Pairs[i], place), added);
                        for (int v = 0; v < after.Length; v++)
                            mean[here[v / s_taus.Length], place, layer, v % s_taus.Length]
                                += after[v].Probability / part.Count;
                    }
                }
            }
        var measured = new List<InjectionRow>();
        foreach (IGrouping<string, int> same in Enumerable.Range(0, sources.Count)
            .GroupBy(s => sources[s].Name))
        {
            say($"measuring: {same.Key}");
            (int Source, int Place, int Layer, int Tau) best = (
                from s in same
                from place in Enumerable.Range(0, s_positions.Length)
                from layer in Enumerable.Range(0, L)
                from tau in Enumerable.Range(0, s_taus.Length)
                select (s, place, layer, tau)).MaxBy(c => mean[c.s, c.place, c.layer, c.tau]);
            measured.Add(Measure(pairs, sources[best.Source], best.Place, best.Layer, s_taus[best.Tau],
                mean[best.Source, best.Place, best.Layer, best.Tau], seed));
        }
        return measured;
    }

    static InjectionRow Measure(HopPairs pairs, MemorySource source, int place, int layer, float tau,
        double mean, ulong seed)
    {
        HopPart part = pairs.Test;
        var random = new SeededRandom(seed, 2);
        // [own, others, directions][pairs]
        AnswerStanding[][] found = [.. Enumerable.Range(0, 1 + 2 * Draws)
            .Select(_ => new AnswerStanding[part.Count])];
        using var runs = new HopSuffixes(pairs.Model, part);
        for (int i = 0; i < part.Count; i++)
        {
            int[] others = part.Others(i);
            List<float[]> added = [source.Vector(part, i, layer)!];
            for (int d = 0; d < Draws; d++)
                added.Add(source.Vector(part, others[random.Next(others.Length)], layer)!);
            for (int d = 0; d < Draws; d++)
            {
                float[] direction = new float[pairs.Model.Config.Width];
                random.FillNormal(direction, 1f);
                added.Add(direction);
            }
            runs.Begin(part, i);
            AnswerStanding[] after = runs.Adding(layer, Places(part.Pairs[i], place),
                [.. added.Select(v => Scaled(v, tau * Unit(part, i, layer)))]);
            for (int v = 0; v < after.Length; v++)
                found[v][i] = after[v];
        }
        var estimates = new HopEstimates(part, seed);
        AnswerStanding[][] other = found[1..(1 + Draws)], directions = found[(1 + Draws)..];
        return new(source.Name, source.Detail, s_positions[place], layer, Math.Round(tau, 3), 100 * mean,
            estimates.Outcome([found[0]], other), estimates.Outcome(other), estimates.Outcome(directions));
    }

    static int[] Places(EncodedPair pair, int place) => place == 0 ? [pair.Obscure.Length - 1]
        : [.. Enumerable.Range(0, pair.Obscure.Length).Take(pair.Entity)];

    static double Unit(HopPart part, int pair, int layer)
        => part.Streams[pair][layer].Chunk(part.Width).Average(Length);

    // The vector with another length; one without a direction stays zero.
    static float[] Scaled(float[] vector, double length)
    {
        double own = Length(vector);
        return Array.ConvertAll(vector, v => own > 0 ? (float)(v * (length / own)) : 0f);
    }

    internal static double Length(float[] x) => Math.Sqrt(x.Sum(v => (double)v * v));
}
