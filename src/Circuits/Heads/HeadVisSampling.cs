using HeadTap.Models;

namespace HeadTap.Circuits;

/// <summary>
/// Samples windows for HeadVis: first the borders of the buckets, at equal numbers of the first windows; then
/// every window goes into its bucket. HeadVis' own pipeline leaves the first windows out of the samples; here
/// they are looked at twice, so a short text has samples too.
/// </summary>
public static class HeadVisSampling
{
    /// <summary>Samples the windows of a text for every head.</summary>
    /// <param name="model">The model; attached edits apply.</param>
    /// <param name="windows">Token ids of each window; may be asked for several times.</param>
    /// <param name="count">Number of windows.</param>
    /// <param name="pass">Sizes of the passes.</param>
    /// <param name="options">What is kept.</param>
    /// <param name="progress">Told the number of windows done and the number of rounds of them.</param>
    /// <returns>[L H]</returns>
    public static IReadOnlyList<HeadVisHead> Run(LanguageModel model, IEnumerable<int[]> windows, int count,
        HeadPassOptions pass, HeadVisOptions options, Action<long, int>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(windows);
        ArgumentNullException.ThrowIfNull(options);
        int heads = model.Config.Layers * model.Config.Heads;
        int first = HeadVisOptions.BorderWindows(count);
        var borders = new Borders(model.Config.Heads, heads, first);
        HeadPass.Run(model, windows.Take(first), pass, borders, (_, rounds) => progress?.Invoke(0, rounds));
        var samples = new Samples(model.Config.Heads, options, borders.Of(options.Intervals));
        HeadPass.Run(model, windows, pass, samples, progress);
        return samples.Result();
    }

    /// <summary>The largest attention of a head in a window, query 0 and key 0 left out.</summary>
    internal static float MaxAttention(in HeadView view)
    {
        float most = 0;
        for (int q = 1; q < view.Length; q++)
            foreach (float a in view.Row(q)[1..])
                most = a > most ? a : most;
        return most;
    }

    sealed class Borders(int H, int heads, int count) : IHeadObserver
    {
        readonly float[][] _most = [.. Enumerable.Range(0, heads).Select(_ => new float[count])];

        public void See(int layer, int head, int window, TokenRepeats tokens, in HeadView view)
            => _most[layer * H + head][window] = MaxAttention(view);

        internal float[][] Of(int intervals) => [.. _most.Select(most =>
        {
            float[] sorted = [.. most.Order()];
            return (float[])[.. Enumerable.Range(1, intervals - 1).Select(i => sorted[
                Math.Min((int)Math.Round((double)i * sorted.Length / intervals), sorted.Length - 1)])];
        })];
    }

    sealed class Samples : IHeadObserver
    {
        readonly int _H;
        readonly HeadVisOptions _options;
        readonly float[][] _borders;
        readonly HeadVisBucket[][] _buckets;
        readonly long[][] _histograms;
        readonly double[] _sums;

        internal Samples(int H, HeadVisOptions options, float[][] borders)
        {
            (_H, _options, _borders) = (H, options, borders);
            _histograms = [.. borders.Select(_ => new long[options.Bins])];
            _sums = new double[borders.Length];
            int top = options.Intervals - 1;
            _buckets = [.. borders.Select((_, i) => Enumerable.Range(0, options.Intervals).Select(b =>
                b == top ? new HeadVisBucket(options.TopSamples, null) : new HeadVisBucket(options.Samples,
                    new SeededRandom(options.Seed, (ulong)(i * options.Intervals + b)))).ToArray())];
        }

        public void See(int layer, int head, int window, TokenRepeats tokens, in HeadView view)
        {
            int i = layer * _H + head;
            float most = MaxAttention(view);
            _sums[i] += most;
            _histograms[i][Math.Clamp((int)(most * _options.Bins), 0, _options.Bins - 1)]++;
            int bucket = _borders[i].Count(border => border <= most);
            HeadView seen = view; // a lambda takes no parameter by reference
            _buckets[i][bucket].Offer(most, () => Sequence(window, bucket + 1, tokens, most, seen));
        }

        internal IReadOnlyList<HeadVisHead> Result() => [.. _buckets.Select((buckets, i) => new HeadVisHead(
            i / _H, i % _H, [.. buckets.SelectMany(b => b.Kept)], _histograms[i],
            _sums[i] / Math.Max(1, _histograms[i].Sum())))];

        HeadVisSequence Sequence(
            int window, int interval, TokenRepeats tokens, float most, in HeadView view)
        {
            var indices = new List<int>();
            var values = new List<float>();
            var row = new List<AttendedKey>();
            for (int q = 0; q < view.Length; q++)
            {
                row.Clear();
                SparseRow.Add(view.Row(q), _options.KeysOfQuery, _options.LeastAttention, row);
                indices.AddRange(row.Select(key => key.Position + q * tokens.Tokens.Count));
                values.AddRange(row.Select(key => key.Attention));
            }
            return new(window, interval, tokens.Tokens, most, indices, values);
        }
    }
}
