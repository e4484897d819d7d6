using HeadTap.Models;
using HeadTap.Runtime;
using MathNet.Numerics.LinearAlgebra;

namespace HeadTap.Merge;

/// <summary>
/// Activation matching (Ainsworth et al. 2022, section 3.1; Li et al. 2015): units of two models that say the
/// same of the same tokens belong together. The stream's channels, neurons after their nonlinearity, and what
/// heads write are assigned by correlation; insides of heads are rotated by what queries, keys and mixed
/// values say.
/// </summary>
sealed class ActivationMatching
{
    static readonly SiteKind[] s_insides = [SiteKind.Q, SiteKind.K, SiteKind.Z];

    readonly ModelConfig _config;
    readonly int C, I, H, D;
    readonly UnitMoments _stream;
    readonly UnitMoments[] _neurons, _ownA, _ownB;
    readonly UnitMoments[,] _insides;

    ActivationMatching(ModelConfig config)
    {
        _config = config;
        (C, I, H, D) = (config.Width, config.Inner, config.Heads, config.HeadWidth);
        _stream = new UnitMoments(C, C);
        _neurons = Layers(() => new UnitMoments(I, I));
        _ownA = Layers(() => new UnitMoments(C, C));
        _ownB = Layers(() => new UnitMoments(C, C));
        _insides = new UnitMoments[s_insides.Length, config.Layers];
        for (int i = 0; i < _insides.Length; i++)
            _insides[i / config.Layers, i % config.Layers] = new UnitMoments(C, C);
    }

    /// <summary>What brings B into A's order.</summary>
    /// <param name="device">Where the models run.</param>
    /// <param name="a">The model that stays.</param>
    /// <param name="b">The model that will be moved.</param>
    /// <param name="batches">The texts that both read.</param>
    /// <param name="options">How.</param>
    /// <param name="progress">Told the share of texts that are read.</param>
    internal static DecoderSymmetry Match(ComputeDevice device, DecoderWeights a, DecoderWeights b,
        IReadOnlyList<SequenceBatch> batches, AlignmentOptions options, Action<double>? progress = null)
    {
        var matching = new ActivationMatching(a.Config);
        matching.Read(device, a, b, batches, progress);
        StreamMap? stream = matching.Stream(options.Stream);
        ComparedModel fixedModel = ComparedModel.Of(a), moved = ComparedModel.Of(b);
        ComparedModel turned = stream is null ? moved : moved.In(stream);
        return new DecoderSymmetry(stream, [.. Enumerable.Range(0, a.Config.Layers).Select(l =>
            matching.Heads(l, fixedModel.Blocks[l], turned.Blocks[l]).With(
                Assignment.Largest(matching._neurons[l].Correlations(), matching.I),
                fixedModel.Blocks[l], moved.Blocks[l]))]);
    }

    T[] Layers<T>(Func<T> make) => [.. Enumerable.Range(0, _config.Layers).Select(_ => make())];

    void Read(ComputeDevice device, DecoderWeights a, DecoderWeights b, IReadOnlyList<SequenceBatch> batches,
        Action<double>? progress)
    {
        SiteKind[] kinds = [SiteKind.ResidPre, SiteKind.MlpPost, .. s_insides];
        Site last = new(SiteKind.ResidPost, _config.Layers - 1);
        Site[] sites = [.. Enumerable.Range(0, _config.Layers).SelectMany(l =>
            kinds.Select(k => new Site(k, l))), last];
        using var first = new RecordedPass(device, _config, batches, sites);
        using var second = new RecordedPass(device, _config, batches, sites);
        first.Put(a.ToFlat());
        second.Put(b.ToFlat());
        for (int i = 0; i < batches.Count; i++)
        {
            SequenceBatch batch = batches[i];
            first.Run(batch);
            second.Run(batch);
            (double[], double[]) Both(Site site) => (first.At(site, batch), second.At(site, batch));
            for (int l = 0; l <= _config.Layers; l++)
            {
                (double[] x, double[] y) = Both(l < _config.Layers ? new Site(SiteKind.ResidPre, l) : last);
                // The mean over channels is seen by nothing that reads the stream.
                _stream.Add(ComparedBlock.Centred(x, C), ComparedBlock.Centred(y, C));
                if (l < _config.Layers)
                    AddBlock(l, Both);
            }
            progress?.Invoke((i + 1.0) / batches.Count);
        }
    }

    void AddBlock(int l, Func<Site, (double[], double[])> both)
    {
        (double[] x, double[] y) = both(new Site(SiteKind.MlpPost, l));
        _neurons[l].Add(x, y);
        for (int k = 0; k < s_insides.Length; k++)
        {
            (x, y) = both(new Site(s_insides[k], l));
            _insides[k, l].Add(x, y);
            if (s_insides[k] != SiteKind.Z)
                continue;
            _ownA[l].Add(x, x);
            _ownB[l].Add(y, y);
        }
    }

    StreamMap? Stream(StreamAlignment how) => how switch
    {
        StreamAlignment.Order => new StreamOrder(Assignment.Largest(_stream.Correlations(), C)),
        StreamAlignment.Rotation => new StreamRotation(Rotation.NearestThatKeepsMean(
            Rotation.Dense(_stream.Covariances(), C).Transpose())),
        _ => null,
    };

    HeadMatch Heads(int l, ComparedBlock a, ComparedBlock b)
    {
        double[] q = _insides[0, l].Covariances(), k = _insides[1, l].Covariances();
        double[] z = _insides[2, l].Covariances();
        double[] written = Written(z, a.HeadOutputs, b.HeadOutputs);
        double[] own = Written(_ownA[l].Covariances(), a.HeadOutputs, a.HeadOutputs);
        double[] others = Written(_ownB[l].Covariances(), b.HeadOutputs, b.HeadOutputs);
        var pairs = new HeadFit[H, H];
        HostParallel.For(H * H, pair =>
        {
            (int i, int j) = (pair / H, pair % H);
            HeadFactors qkA = a.QueryKey[i], qkB = b.QueryKey[j];
            HeadFactors voA = a.ValueOutput[i], voB = b.ValueOutput[j];
            // In balanced factors queries and values are x T^-1, keys x T^T.
            Matrix<double> qk = qkB.Back.Transpose() * Block(q, i, j) * qkA.Back
                + qkB.Gauge * Block(k, i, j) * qkA.Gauge.Transpose();
            Matrix<double> vo = voB.Back.Transpose() * Block(z, i, j) * voA.Back;
            double sizes = Math.Sqrt(own[i * H + i] * others[j * H + j]);
            pairs[i, j] = new HeadFit(Rotation.Nearest(qk).Q, Rotation.Nearest(vo).Q,
                sizes > 0 ? written[pair] / sizes : 0);
        });
        return HeadMatch.Best(pairs);
    }

    // [H, H]: covariance of what heads write, z_i O_i against z_j O_j.
    double[] Written(double[] z, double[] a, double[] b)
    {
        double[] outputs = RowProducts.OfRows(a, b, C), written = new double[H * H];
        for (int i = 0; i < C; i++)
            for (int j = 0; j < C; j++)
                written[i / D * H + j / D] += z[i * C + j] * outputs[i * C + j];
        return written;
    }

    // [D, D] of B's head j and A's head i.
    Matrix<double> Block(double[] covariances, int i, int j)
        => Matrix<double>.Build.Dense(D, D, (e, d) => covariances[(i * D + d) * C + j * D + e]);
}
