using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Circuits;

/// <summary>Runs the prompts of pairs side by side and keeps what every node writes.</summary>
public sealed class PairRunner : IDisposable
{
    readonly LanguageModel _model;
    readonly ModelSession _session;
    readonly CircuitGraph _graph;

    /// <summary>Takes memory for two prompts.</summary>
    /// <param name="model">The model, without edits.</param>
    /// <param name="longest">Most tokens of a prompt.</param>
    /// <exception cref="UserException">The passes do not fit the device.</exception>
    public PairRunner(LanguageModel model, int longest)
    {
        ArgumentNullException.ThrowIfNull(model);
        _model = model;
        _graph = new CircuitGraph(model.Config);
        IEnumerable<int> layers = Enumerable.Range(0, model.Config.Layers);
        _session = new ModelSession(model, new SessionOptions
        {
            MaxRows = 2, MaxTokens = longest, Logits = LogitsAt.Last,
            Record =
            [
                Site.Embed, Site.ResidPost(model.Config.Layers - 1),
                .. layers.SelectMany(l => (Site[])[Site.ResidPre(l), Site.Z(l), Site.Result(l),
                    Site.ResidMid(l), Site.MlpOut(l)]),
            ],
        });
    }

    /// <summary>Runs a pair.</summary>
    /// <param name="pair">Two prompts of one length.</param>
    /// <param name="kind">What is measured after each.</param>
    /// <exception cref="UserException">The prompts have other lengths, the pair lacks a token that the metric
    /// needs, or logits are not finite.</exception>
    public PairRun Run(ContrastPair pair, MetricKind kind)
    {
        ArgumentNullException.ThrowIfNull(pair);
        int[] corrupt = pair.RequireAligned();
        int V = _model.Config.VocabSize, L = _model.Config.Layers;
        var metric = new AnswerMetric(kind, pair.Answer, pair.Wrong);
        metric.Validate(V);
        _session.Forward(new SequenceBatch([pair.Clean, corrupt]));
        float[] logits = _session.Logits.ToArray();
        metric = metric with { CleanLogits = logits[..V] };
        (float[] clean, float[] corrupted)[] written = [.. Written(pair.Clean.Length)];
        return new PairRun(pair, metric, metric.Value(logits.AsSpan(0, V)), metric.Value(logits.AsSpan(V)))
        {
            Corrupted = [.. written.Select(w => w.corrupted)],
            Differences = [.. written.Select(Difference)],
            StreamPre = [.. Enumerable.Range(0, L).Select(l => Rows(Site.ResidPre(l)).Corrupt)],
            StreamDifferences = [.. Enumerable.Range(0, L).Select(l => Difference(Rows(Site.ResidPre(l))))],
            StreamMid = [.. Enumerable.Range(0, L).Select(l => Rows(Site.ResidMid(l)).Corrupt)],
            StreamEnd = Rows(Site.ResidPost(L - 1)).Corrupt,
            CleanZ = [.. Enumerable.Range(0, L).Select(l => Rows(Site.Z(l)).Clean)],
            CleanMlp = [.. Enumerable.Range(0, L).Select(l => Rows(Site.MlpOut(l)).Clean)],
        };
    }

    /// <inheritdoc/>
    public void Dispose() => _session.Dispose();

    static float[] Difference((float[] Clean, float[] Corrupt) rows)
        => [.. rows.Clean.Zip(rows.Corrupt, (a, b) => a - b)];

    // [T C] of both runs for each writer.
    IEnumerable<(float[] Clean, float[] Corrupt)> Written(int T)
    {
        int C = _model.Config.Width, H = _model.Config.Heads;
        yield return Rows(Site.Embed);
        for (int l = 0; l < _model.Config.Layers; l++)
        {
            (float[] clean, float[] corrupt) = Rows(Site.Result(l)); // [T, H, C]
            for (int h = 0; h < H; h++)
                yield return (OfHead(clean, h), OfHead(corrupt, h));
            yield return Rows(Site.MlpOut(l));
        }

        float[] OfHead(float[] results, int head)
        {
            float[] one = new float[T * C];
            for (int t = 0; t < T; t++)
                results.AsSpan((t * H + head) * C, C).CopyTo(one.AsSpan(t * C));
            return one;
        }
    }

    (float[] Clean, float[] Corrupt) Rows(Site site)
    {
        float[] both = _session.Recordings[site].ToArray();
        return (both[..(both.Length / 2)], both[(both.Length / 2)..]);
    }
}
