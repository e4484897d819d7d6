using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Circuits.Tests;

public sealed class PromptViewTests
{
    static readonly int[] s_prompt = [3, 14, 15, 9, 2];
    static readonly int[] s_chosen = [7, 30, 0];

    ComputeDevice _device = null!;
    LanguageModel _model = null!;
    PromptView _view = null!;
    float[] _logits = []; // [T, V]

    [OneTimeSetUp]
    public void Read()
    {
        _device = ComputeDevice.OpenHost();
        _model = RandomModel.On(_device);
        _view = PromptView.Of(_model, s_prompt, _ => s_chosen, top: 4);
        using var session = new ModelSession(_model,
            new SessionOptions { MaxTokens = s_prompt.Length, Logits = LogitsAt.All });
        session.Forward(new SequenceBatch([s_prompt]));
        _logits = session.Logits.ToArray();
    }

    [OneTimeTearDown]
    public void Dispose()
    {
        _model.Dispose();
        _device.Dispose();
    }

    [Test]
    public void Contributions_of_all_parts_add_up_to_the_logits_at_every_position()
    {
        ComponentContributions added = _view.Contributions;
        int P = added.Components.Count, K = s_chosen.Length, V = RandomModel.Config.VocabSize;
        Assert.That(P, Is.EqualTo(2 + 2 * (4 + 2) + 1));
        for (int t = 0; t < s_prompt.Length; t++)
            for (int k = 0; k < K; k++)
                Assert.That(Enumerable.Range(0, P).Sum(p => added.Values[(t * P + p) * K + k]),
                    Is.EqualTo(_logits[t * V + s_chosen[k]]).Within(RandomModel.Parity), $"{t}, {k}");
    }

    // Exact: with a frozen scale the logit is linear, so what a removed head leaves is the logit without it.
    [TestCase(0, 1), TestCase(1, 3)]
    public void A_head_adds_what_its_result_adds_to_the_normalised_stream(int layer, int head)
    {
        using var session = new ModelSession(_model, new SessionOptions
        {
            MaxTokens = s_prompt.Length,
            Record = [new Site(SiteKind.Result, layer), new Site(SiteKind.LnFinalScale)],
        });
        session.Forward(new SequenceBatch([s_prompt]));
        float[] results = session.Recordings[new Site(SiteKind.Result, layer)].ToArray();
        float[] scale = session.Recordings[new Site(SiteKind.LnFinalScale)].ToArray();
        float[] gain = _model.Weights.FinalNormWeight.ToArray(), unembed = _model.Weights.Head.ToArray();
        ComponentContributions added = _view.Contributions;
        int p = added.Components.ToList().IndexOf(new Component(ComponentKind.Head, layer, head));
        int P = added.Components.Count, K = s_chosen.Length;
        for (int t = 0; t < s_prompt.Length; t++)
        {
            float[] own = results[((t * 4 + head) * 20)..((t * 4 + head + 1) * 20)];
            double mean = own.Average(x => (double)x);
            for (int k = 0; k < K; k++)
                Assert.That(added.Values[(t * P + p) * K + k], Is.EqualTo(Enumerable.Range(0, 20)
                    .Sum(c => (own[c] - mean) / scale[t] * gain[c] * unembed[s_chosen[k] * 20 + c]))
                    .Within(RandomModel.Parity), $"{t}, {k}");
        }
    }

    [Test]
    public void Lengths_of_results_are_those_of_the_vectors()
    {
        using var session = new ModelSession(_model, new SessionOptions
        {
            MaxTokens = s_prompt.Length, Record = [new Site(SiteKind.Result, 1)],
        });
        session.Forward(new SequenceBatch([s_prompt]));
        float[] results = session.Recordings[new Site(SiteKind.Result, 1)].ToArray();
        for (int i = 0; i < s_prompt.Length * 4; i++)
        {
            double length = Math.Sqrt(results[(i * 20)..((i + 1) * 20)].Sum(x => (double)x * x));
            Assert.That(_view.ResultNorms[1][i], Is.EqualTo(length).Within(1e-5 * length));
        }
    }

    // z mixes the values: the first position sees its own value alone.
    [Test]
    public void At_the_first_position_a_head_writes_its_value()
    {
        for (int l = 0; l < 2; l++)
            for (int h = 0; h < 4; h++)
                Assert.That(_view.ValueNorms[l][h], Is.EqualTo(_view.ResultNorms[l][h])
                    .Within(1e-5 * _view.ResultNorms[l][h]));
        Assert.That(_view.ValueNorms[0][4..], Is.Not.EqualTo(_view.ResultNorms[0][4..]));
    }

    [Test]
    public void The_stream_ends_at_the_models_own_distribution()
    {
        int V = RandomModel.Config.VocabSize;
        Assert.That(_view.Stream, Has.Count.EqualTo(3));
        for (int t = 0; t < s_prompt.Length; t++)
        {
            float[] row = _logits[(t * V)..((t + 1) * V)];
            double sum = row.Sum(x => Math.Exp(x));
            double[] p = [.. row.Select(x => Math.Exp(x) / sum)];
            StreamReading last = _view.Stream[2][t];
            int[] order = [.. Enumerable.Range(0, V).OrderByDescending(v => p[v]).Take(4)];
            Assert.That(last.Top.Select(x => x.Token), Is.EqualTo(order));
            Assert.That(last.Top[1].Probability, Is.EqualTo(p[order[1]]).Within(1e-5));
            Assert.That(last.Entropy, Is.EqualTo(-p.Sum(x => x * Math.Log(x))).Within(1e-4));
            Assert.That((last.Divergence, last.Rank), Is.EqualTo((0.0, 1)));
        }
    }

    [Test]
    public void Earlier_streams_are_read_through_the_final_norm()
    {
        float[] stream = Recorded(new Site(SiteKind.ResidPre, 1));
        float[] gain = _model.Weights.FinalNormWeight.ToArray();
        float[] shift = _model.Weights.FinalNormBias.ToArray(), unembed = _model.Weights.Head.ToArray();
        int V = RandomModel.Config.VocabSize;
        for (int t = 0; t < s_prompt.Length; t++)
        {
            double[] x = [.. stream[(t * 20)..((t + 1) * 20)].Select(v => (double)v)];
            double mean = x.Average(), scale = Math.Sqrt(x.Average(v => (v - mean) * (v - mean)) + 1e-5);
            double[] y = [.. x.Select((v, c) => (v - mean) / scale * gain[c] + shift[c])];
            double[] logits = [.. Enumerable.Range(0, V)
                .Select(v => y.Select((u, c) => u * unembed[v * 20 + c]).Sum())];
            double sum = logits.Sum(Math.Exp);
            double[] p = [.. logits.Select(z => Math.Exp(z) / sum)], own = Own(t);
            StreamReading reading = _view.Stream[1][t];
            int best = Array.IndexOf(own, own.Max());
            Assert.That(reading.Divergence,
                Is.EqualTo(own.Zip(p, (a, b) => a * Math.Log(a / b)).Sum()).Within(1e-4));
            Assert.That(reading.Rank, Is.EqualTo(1 + p.Count(q => q > p[best])));
            Assert.That(reading.Top[0].Token, Is.EqualTo(Array.IndexOf(p, p.Max())));
        }
    }

    [Test]
    public void Patterns_and_z_are_those_of_the_pass()
    {
        Assert.That(_view.Patterns[1], Is.EqualTo(Recorded(new Site(SiteKind.Pattern, 1))));
        Assert.That(_view.Z[0], Is.EqualTo(Recorded(new Site(SiteKind.Z, 0))));
    }

    [Test]
    public void A_token_outside_the_vocabulary_is_refused()
        => Assert.That(() => PromptView.Of(_model, s_prompt, _ => [37], 3),
            Throws.TypeOf<UserException>().With.Message.Contains("vocabulary of 37"));

    double[] Own(int t)
    {
        int V = RandomModel.Config.VocabSize;
        float[] row = _logits[(t * V)..((t + 1) * V)];
        double sum = row.Sum(x => Math.Exp(x));
        return [.. row.Select(x => Math.Exp(x) / sum)];
    }

    float[] Recorded(Site site)
    {
        using var session = new ModelSession(_model,
            new SessionOptions { MaxTokens = s_prompt.Length, Record = [site] });
        session.Forward(new SequenceBatch([s_prompt]));
        return session.Recordings[site].ToArray();
    }
}
