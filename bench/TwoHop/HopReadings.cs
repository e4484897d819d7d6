using System.Numerics.Tensors;
using HeadTap.Models;

namespace HeadTap.TwoHop;

/// <summary>How well a token can be read at a place of the stream.</summary>
/// <param name="Place">embedding, or a block and where in it.</param>
/// <param name="GeometricRank">Geometric mean of the ranks: bridge, answer, another country.</param>
/// <param name="First">Rank 1, percent, in this order.</param>
/// <param name="Five">Rank 5 or better, percent.</param>
sealed record HopReading(string Place, IReadOnlyList<HopEstimate> GeometricRank,
    IReadOnlyList<HopEstimate> First, IReadOnlyList<HopEstimate> Five);

/// <summary>Which of the two is readable first, percent of the pairs of a group.</summary>
sealed record HopOrder(int Rank, HopEstimate BridgeFirst, HopEstimate SamePlace, HopEstimate AnswerFirst,
    HopEstimate AnswerAlone, HopEstimate BridgeAlone, HopEstimate Neither);

/// <summary>A lens at a position, over the pairs that the model answers right or wrong.</summary>
sealed record HopTable(string Lens, string Position, string Answers, int Pairs,
    IReadOnlyList<HopReading> Readings, IReadOnlyList<HopOrder> Orders, HopEstimate BridgePlace,
    HopEstimate AnswerPlace);

/// <summary>
/// Where bridge and answer can be read along the stream, by the logit lens and by the Jacobian lens, at the
/// end of the description and at the last position.
/// </summary>
static class HopReadings
{
    static readonly string[] s_positions = ["end of the description", "last"];

    internal static List<HopTable> Run(
        HopPairs pairs, string middle, string behind, ulong seed, Action<string> say)
    {
        // Nothing is chosen here, so both splits are read.
        var found = new List<HopTable>();
        var all = new HopPart(pairs.Model, [.. pairs.Validation.Pairs, .. pairs.Test.Pairs]);
        ModelConfig config = pairs.Model.Config;
        int L = config.Layers;
        StreamJacobian[] mid = [.. Enumerable.Range(0, L).Select(l =>
            StreamJacobian.Open(middle, Site.ResidMid(l), config))];
        StreamJacobian[] post = [.. Enumerable.Range(0, L).Select(l =>
            StreamJacobian.Open(behind, new Site(SiteKind.ResidPost, l), config))];
        var head = new ReadingHead(pairs.Model);
        foreach (string lens in (string[])["logit lens", "Jacobian lens"])
            foreach (string position in s_positions)
            {
                say($"reading: {lens}, {position}");
                bool jacobian = lens == "Jacobian lens";
                (string Name, Func<int, int, float[]> At)[] places =
                [
                    .. jacobian ? [] : (ReadOnlySpan<(string, Func<int, int, float[]>)>)[("embedding",
                        (i, t) => HopPart.At(all.Streams[i][0], t, config.Width))],
                    .. Enumerable.Range(0, L).SelectMany(l => ((string, Func<int, int, float[]>)[])
                    [
                        ($"{l} after attention", (i, t) => Moved(
                            HopPart.At(all.Middle[i][l], t, config.Width), jacobian ? mid[l] : null)),
                        ($"{l} after feed-forward", (i, t) => Moved(
                            HopPart.At(all.Streams[i][l + 1], t, config.Width), jacobian ? post[l] : null)),
                    ]),
                ];
                var random = new SeededRandom(seed, 4);
                int[][] tokens = [.. Enumerable.Range(0, all.Count).Select(i =>
                {
                    int[] others = [.. all.Others(i)
                        .Where(j => all.Pairs[j].Memory[0] != all.Pairs[i].Memory[0])];
                    return (int[])[all.Pairs[i].Memory[0], all.Pairs[i].Answer,
                        all.Pairs[others[random.Next(others.Length)]].Memory[0]];
                })];
                int[][][] ranks = [.. places.Select(place => Enumerable.Range(0, all.Count).Select(i =>
                {
                    float[] logits = head.Logits(place.At(i,
                        position == "last" ? all.Pairs[i].Obscure.Length - 1 : all.EntityEnd(i)));
                    return tokens[i].Select(t => LogitRank.Of(logits, t)).ToArray();
                }).ToArray())];
                foreach (bool right in (bool[])[true, false])
                    found.Add(Table(
                        all, lens, position, right, [.. places.Select(p => p.Name)], ranks, seed));
            }
        return found;
    }

    static float[] Moved(float[] x, StreamJacobian? jacobian) => jacobian?.Forward(x) ?? x;

    static HopTable Table(HopPart all, string lens, string position, bool right, string[] places,
        int[][][] ranks, ulong seed)
    {
        var estimates = new HopEstimates(all, seed);
        bool In(int i) => all.Before[i].Rank == 1 == right;
        int First(int i, int which, int rank)
        {
            int at = Array.FindIndex(ranks, place => place[i][which] <= rank);
            return at < 0 ? int.MaxValue : at;
        }
        HopEstimate Share(Func<int, bool> is_) => estimates.Mean(i => is_(i) ? 100 : 0, In);
        HopEstimate Three(Func<int, double> value) => estimates.Mean(value, In);
        HopEstimate[] Of(int p, Func<int, double> value)
            => [.. Enumerable.Range(0, 3).Select(which => Three(i => value(ranks[p][i][which])))];
        HopReading Reading(int p)
        {
            HopEstimate[] logs = Of(p, r => Math.Log(r));
            return new(places[p],
                [.. logs.Select(e => new HopEstimate(Math.Exp(e.Value), Math.Exp(e.Low), Math.Exp(e.High)))],
                Of(p, r => r <= 1 ? 100 : 0), Of(p, r => r <= 5 ? 100 : 0));
        }
        HopOrder Order(int rank)
        {
            bool Never(int at) => at == int.MaxValue;
            (int Bridge, int Answer) Both(int i) => (First(i, 0, rank), First(i, 1, rank));
            return new(rank,
                Share(i => Both(i) is var (b, a) && !Never(a) && b < a),
                Share(i => Both(i) is var (b, a) && !Never(a) && b == a),
                Share(i => Both(i) is var (b, a) && !Never(b) && a < b),
                Share(i => Both(i) is var (b, a) && Never(b) && !Never(a)),
                Share(i => Both(i) is var (b, a) && !Never(b) && Never(a)),
                Share(i => Both(i) is var (b, a) && Never(b) && Never(a)));
        }
        // Over those that reach rank 5 anywhere.
        HopEstimate Place(int which) => estimates.Mean(
            i => First(i, which, 5), i => In(i) && First(i, which, 5) < int.MaxValue);
        return new(lens, position, right ? "right" : "wrong", Enumerable.Range(0, all.Count).Count(In),
            [.. Enumerable.Range(0, places.Length).Select(Reading)], [Order(1), Order(5)], Place(0),
            Place(1));
    }
}

/// <summary>Final LayerNorm and unembedding.</summary>
sealed class ReadingHead
{
    readonly float[] _head, _gain, _shift, _bias;
    readonly double _epsilon;

    internal ReadingHead(LanguageModel model)
    {
        (_head, _gain) = (model.Weights.Head.ToArray(), model.Weights.FinalNormWeight.ToArray());
        _shift = model.Weights.FinalNormBias.ToArray();
        _bias = model.Weights.HeadBias?.ToArray() ?? new float[model.Config.VocabSize];
        _epsilon = model.Config.LayerNormEpsilon;
    }

    /// <summary>The logits of a stream, [V].</summary>
    internal float[] Logits(float[] x)
    {
        double mean = x.Average(v => (double)v), variance = x.Average(v => (v - mean) * (v - mean));
        double scale = 1 / Math.Sqrt(variance + _epsilon);
        float[] y = [.. x.Select((v, c) => (float)((v - mean) * scale * _gain[c] + _shift[c]))];
        float[] logits = new float[_bias.Length];
        for (int v = 0; v < logits.Length; v++)
            logits[v] = TensorPrimitives.Dot(_head.AsSpan(v * y.Length, y.Length), y) + _bias[v];
        return logits;
    }
}
