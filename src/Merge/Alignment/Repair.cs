using HeadTap.Models;

namespace HeadTap.Merge;

/// <summary>
/// Rescaling of an interpolated model (Jordan et al. 2022, REPAIR): every unit gets the mean and the
/// deviation that interpolate those of the two models.
/// </summary>
/// <remarks>
/// A unit that a matrix writes can be rescaled inside it: <c>W[:, i] s</c> and <c>(b_i - m) s + m'</c>. In a
/// pre-LayerNorm decoder these are the neurons before their nonlinearity and what attention and feed-forward
/// add to the stream; the stream itself is a sum, and is normalised where it is read. Blocks are corrected in
/// the order of the pass, because a corrected block changes the moments of those after it.
/// </remarks>
public sealed class Repair : IDisposable
{
    static readonly (SiteKind Site, Role Weight, Role Bias)[] s_units =
    [
        (SiteKind.AttnOut, Role.ProjWeight, Role.ProjBias),
        (SiteKind.MlpPre, Role.MlpInWeight, Role.MlpInBias),
        (SiteKind.MlpOut, Role.MlpOutWeight, Role.MlpOutBias),
    ];

    readonly ModelConfig _config;
    readonly IReadOnlyList<SequenceBatch> _batches;
    readonly RecordedPass _pass;
    readonly Dictionary<Site, Moments> _a, _b;

    /// <summary>Reads the moments of both ends.</summary>
    /// <param name="loss">The texts.</param>
    /// <param name="a">Flat vector of A.</param>
    /// <param name="b">Flat vector of B.</param>
    public Repair(TextLoss loss, float[] a, float[] b)
    {
        ArgumentNullException.ThrowIfNull(loss);
        _config = loss.Model.Config;
        _batches = loss.Batches;
        Site[] sites = [.. Enumerable.Range(0, _config.Layers)
            .SelectMany(l => s_units.Select(u => new Site(u.Site, l)))];
        _pass = new RecordedPass(loss.Model.Device, _config, _batches, sites);
        (_a, _b) = (Read(a, sites), Read(b, sites));
    }

    readonly record struct Moments(double[] Mean, double[] Deviation);

    /// <summary>The place between A and B with its units rescaled.</summary>
    /// <param name="alpha">0 is A, 1 is B.</param>
    /// <param name="place">Flat vector of <c>(1 - alpha) A + alpha B</c>; stays as it is.</param>
    public float[] Of(double alpha, float[] place)
    {
        DecoderWeights weights = DecoderWeights.Of(_config, place);
        for (int l = 0; l < _config.Layers; l++)
            foreach ((SiteKind kind, Role weight, Role bias) in s_units)
            {
                var site = new Site(kind, l);
                Moments now = Read(weights.ToFlat(), [site])[site], a = _a[site], b = _b[site];
                Rescale(weights[weight, l], weights[bias, l], now, new Moments(
                    [.. a.Mean.Zip(b.Mean, (x, y) => (1 - alpha) * x + alpha * y)],
                    [.. a.Deviation.Zip(b.Deviation, (x, y) => (1 - alpha) * x + alpha * y)]));
            }
        return weights.ToFlat();
    }

    static void Rescale(double[] weight, double[] bias, Moments now, Moments wanted)
    {
        int units = bias.Length;
        for (int i = 0; i < units; i++)
        {
            if (!(now.Deviation[i] > 0))
                continue;
            double scale = wanted.Deviation[i] / now.Deviation[i];
            for (int at = i; at < weight.Length; at += units)
                weight[at] *= scale;
            bias[i] = (bias[i] - now.Mean[i]) * scale + wanted.Mean[i];
        }
    }

    Dictionary<Site, Moments> Read(float[] flat, IReadOnlyList<Site> sites)
    {
        _pass.Put(flat);
        var sums = new Dictionary<Site, (double[] Sum, double[] Squares)>();
        foreach (SequenceBatch batch in _batches)
        {
            _pass.Run(batch);
            foreach (Site site in sites)
                Add(sums, site, _pass.At(site, batch), batch.Lengths.Sum());
        }
        double count = _batches.Sum(b => b.Lengths.Sum());
        return sums.ToDictionary(s => s.Key, s => new Moments([.. s.Value.Sum.Select(v => v / count)],
            [.. s.Value.Sum.Zip(s.Value.Squares, (sum, squares) =>
                Math.Sqrt(Math.Max(0, squares / count - sum / count * (sum / count))))]));
    }

    static void Add(Dictionary<Site, (double[] Sum, double[] Squares)> sums, Site site, double[] rows,
        int tokens)
    {
        int units = rows.Length / tokens;
        if (!sums.TryGetValue(site, out (double[] Sum, double[] Squares) to))
            sums[site] = to = (new double[units], new double[units]);
        for (int i = 0; i < rows.Length; i++)
        {
            to.Sum[i % units] += rows[i];
            to.Squares[i % units] += rows[i] * rows[i];
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _pass.Dispose();
}
