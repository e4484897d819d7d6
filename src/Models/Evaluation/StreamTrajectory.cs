using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>The logit lens at one layer and position.</summary>
/// <param name="Top">Most probable tokens with their probabilities, descending; ties go to the lower
/// id.</param>
/// <param name="Entropy">Entropy of the layer's distribution, nats.</param>
/// <param name="Divergence">KL(model's own distribution || layer's), nats; 0 behind the last block.</param>
/// <param name="Rank">Rank, from 1, that the layer gives the model's own most probable token.</param>
public sealed record StreamReading(
    IReadOnlyList<(int Token, double Probability)> Top, double Entropy, double Divergence, int Rank)
{
    /// <summary>Reads logits of a layer beside the model's own.</summary>
    /// <param name="logits">[n V]: logits of the layer, by the logit lens or a learned one.</param>
    /// <param name="own">[n V]: logits of the model.</param>
    /// <param name="vocabulary">V.</param>
    /// <param name="top">Number of tokens to list; 1 to V.</param>
    /// <returns>[n]; rows are independent, so the bits do not depend on the number of threads.</returns>
    public static StreamReading[] Of(float[] logits, float[] own, int vocabulary, int top)
    {
        ArgumentNullException.ThrowIfNull(logits);
        ArgumentNullException.ThrowIfNull(own);
        if (logits.Length != own.Length || logits.Length % vocabulary != 0)
            throw new ArgumentException($"{logits.Length} logits beside {own.Length}, rows of {vocabulary}.");
        var readings = new StreamReading[logits.Length / vocabulary];
        Parallel.For(0, readings.Length, new ParallelOptions
        {
            MaxDegreeOfParallelism = ComputeDevice.HostThreadCount,
        }, i => readings[i] = Read(logits.AsSpan(i * vocabulary, vocabulary),
            own.AsSpan(i * vocabulary, vocabulary), top));
        return readings;
    }

    static StreamReading Read(ReadOnlySpan<float> logits, ReadOnlySpan<float> own, int top)
    {
        double logSum = LogSumExp.Of(logits), ownSum = LogSumExp.Of(own), entropy = 0, divergence = 0;
        int best = 0;
        for (int v = 0; v < logits.Length; v++)
        {
            double logP = logits[v] - logSum, logOwn = own[v] - ownSum;
            entropy -= Math.Exp(logP) * logP;
            divergence += Math.Exp(logOwn) * (logOwn - logP);
            if (own[v] > own[best])
                best = v;
        }
        return new StreamReading([.. LargestLogits.Of(logits, top)
            .Select(t => (t.Token, Math.Exp(t.Logit - logSum)))], entropy, divergence,
            LogitRank.Of(logits, best));
    }
}

/// <summary>
/// How the prediction forms: the residual stream before each block and behind the last one, read through the
/// final LayerNorm and the unembedding (logit lens; nostalgebraist 2020; the measures of Belrose et al. 2023,
/// arXiv 2303.08112).
/// </summary>
public static class StreamTrajectory
{
    const int RowsAtOnce = 32; // [32, V] logits: 6.4 MB for GPT-2, and enough rows for the product

    /// <summary>The sites that <see cref="Of"/> reads: L + 1 streams.</summary>
    public static IReadOnlyList<Site> Sites(ModelConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        return [.. Enumerable.Range(0, config.Layers).Select(l => new Site(SiteKind.ResidPre, l)),
            new Site(SiteKind.ResidPost, config.Layers - 1)];
    }

    /// <summary>Runs a prompt and reads its streams.</summary>
    /// <param name="model">The model; attached edits apply.</param>
    /// <param name="prompt">[T]: token ids.</param>
    /// <param name="top">Number of tokens to list; 1 to V.</param>
    /// <returns>[L + 1][T].</returns>
    /// <exception cref="UserException">The prompt does not fit the model, or the pass does not fit the
    /// device.</exception>
    public static IReadOnlyList<IReadOnlyList<StreamReading>> OfPrompt(
        LanguageModel model, IReadOnlyList<int> prompt, int top)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(prompt);
        IReadOnlyList<Site> sites = Sites(model.Config);
        using var session = new ModelSession(model, new SessionOptions
        {
            MaxTokens = Math.Max(1, prompt.Count), Logits = LogitsAt.None, Record = sites,
        });
        session.Forward(new SequenceBatch([prompt]));
        return Of(model, [.. sites.Select(site => session.Recordings[site].ToArray())], top);
    }

    /// <summary>Reads the streams of one prompt.</summary>
    /// <param name="model">The model that made them.</param>
    /// <param name="streams">[L + 1] of [T C], in the order of <see cref="Sites"/>.</param>
    /// <param name="top">Number of tokens to list; 1 to V.</param>
    /// <returns>[L + 1][T].</returns>
    public static IReadOnlyList<IReadOnlyList<StreamReading>> Of(
        LanguageModel model, IReadOnlyList<float[]> streams, int top)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(streams);
        ModelConfig config = model.Config;
        if (streams.Count != config.Layers + 1)
            throw new ArgumentException($"{streams.Count} streams of {config.Layers + 1}.", nameof(streams));
        if (top < 1 || top > config.VocabSize)
            throw new ArgumentOutOfRangeException(nameof(top));
        int T = streams[0].Length / config.Width;
        var readings = new StreamReading[streams.Count][];
        for (int l = 0; l < streams.Count; l++)
            readings[l] = new StreamReading[T];
        using var page = new LogitLensRows(model, Math.Min(RowsAtOnce, T));
        for (int first = 0; first < T; first += RowsAtOnce)
        {
            int n = Math.Min(RowsAtOnce, T - first);
            float[] own = page.Logits(streams[^1], first, n);
            for (int l = 0; l < streams.Count; l++)
            {
                float[] logits = l == streams.Count - 1 ? own : page.Logits(streams[l], first, n);
                StreamReading.Of(logits, own, config.VocabSize, top).CopyTo(readings[l], first);
            }
        }
        return readings;
    }
}
