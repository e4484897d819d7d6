using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Inject.Tests;

public sealed class InjectionTests
{
    static readonly ModelConfig Config = new()
    {
        VocabSize = 37, ContextLength = 12, Width = 20, Layers = 2, Heads = 4, Inner = 28,
        BosToken = 36, EosToken = 36,
    };

    static readonly int[] Prompt = [7, 8, 6];

    [Test]
    public void A_standing_is_read_off_the_logits()
    {
        float[] logits = [1, 3, 3, -2, 0];
        double[] p = [.. logits.Select(x => Math.Exp(x))];
        AnswerStanding standing = AnswerStanding.Of(logits, 2, 3);
        Assert.That(standing.Probability, Is.EqualTo(p[2] / p.Sum()).Within(1e-15));
        Assert.That(standing.Surprisal, Is.EqualTo(-Math.Log(p[2] / p.Sum())).Within(1e-14));
        Assert.That(standing.Rank, Is.EqualTo(2), "the equal logit of token 1 comes first");
        Assert.That(standing.Top.Select(t => t.Token), Is.EqualTo([1, 2, 0]));
        Assert.That(standing.Top[2].Probability, Is.EqualTo(p[0] / p.Sum()).Within(1e-15));
        Assert.That(AnswerStanding.Of(logits, 3, 1).Rank, Is.EqualTo(5));
    }

    [TestCase(float.NaN), TestCase(float.PositiveInfinity)]
    public void Logits_that_are_no_numbers_are_refused(float value) => Assert.That(
        () => AnswerStanding.Of([1, value], 0, 1),
        Throws.TypeOf<UserException>().With.Message.Contains("overflows float32"));

    [Test]
    public void The_layer_encoder_is_what_attention_writes_after_the_memory()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = Model(device);
        var site = new Site(SiteKind.AttnOut, 1);
        using var session = new ModelSession(model, new SessionOptions { MaxTokens = 3, Record = [site] });
        session.Forward(new SequenceBatch([[36, 4, 9]]));
        float[] expected = session.Recordings[site].ToArray()[^20..];
        var memory = new Memory([4, 9], 1, 2f) { Encoder = MemoryEncoder.Layer };
        Assert.That(memory.Vector(model), Is.EqualTo(expected));
        Edit edit = memory.ToEdit(model);
        Assert.That(((InlineValue)edit.Value!).Values, Is.EqualTo(expected));
        Assert.That(edit.Alpha, Is.EqualTo(2f));
        Assert.That(() => memory.ToEdit(), Throws.InvalidOperationException);
    }

    [Test]
    public void Embedding_and_unembedding_differ_where_weights_are_processed()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = Model(device), processed = WeightProcessing.TransformerLens(model);
        var memory = new Memory([5, 9, 5], 0, 1f);
        var embed = memory with { Encoder = MemoryEncoder.Embed };
        Assert.That(embed.Vector(model), Is.EqualTo(memory.Vector(model)), "tied and raw");
        Assert.That(embed.Vector(processed), Is.Not.EqualTo(memory.Vector(processed)));
    }

    [Test]
    public void Any_head_and_the_attention_output_give_the_same_answer()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = Model(device);
        var memory = new Memory([5, 9], 1, 3f);
        Injection whole = Injection.Run(model, Prompt, 11, [memory]);
        Assert.That(whole.After.Probability, Is.Not.EqualTo(whole.Before.Probability));
        for (int head = 0; head < 4; head++)
        {
            Injection one = Injection.Run(model, Prompt, 11,
                [memory with { Target = SiteKind.Result, Head = head }]);
            Assert.That(one.After.Probability, Is.EqualTo(whole.After.Probability).Within(1e-6),
                $"head {head}");
            Assert.That(one.Before,
                Is.EqualTo(whole.Before).Using<AnswerStanding>((a, b) => a.Probability == b.Probability));
        }
    }

    [Test]
    public void Memories_in_the_stream_before_and_after_a_block_act_at_their_place()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = Model(device);
        double After(SiteKind target, int layer) => Injection.Run(model, Prompt, 11,
            [new Memory([5], layer, 3f) { Target = target }]).After.Probability;
        Assert.That(After(SiteKind.ResidPost, 0), Is.EqualTo(After(SiteKind.ResidPre, 1)).Within(1e-7));
        Assert.That(After(SiteKind.AttnOut, 1), Is.EqualTo(After(SiteKind.ResidMid, 1)).Within(1e-7));
        Assert.That(After(SiteKind.MlpOut, 1), Is.EqualTo(After(SiteKind.ResidPost, 1)).Within(1e-7));
        Assert.That(After(SiteKind.MlpOut, 1), Is.Not.EqualTo(After(SiteKind.AttnOut, 1)).Within(1e-7));
    }

    [Test]
    public void Several_layers_receive_their_memories_together()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = Model(device);
        Memory first = new([5], 0, 2f), second = new([5], 1, 2f);
        Injection both = Injection.Run(model, Prompt, 11, [first, second]);
        using (model.Attach(first.ToEdit()))
            Assert.That(Injection.Run(model, Prompt, 11, [second]).After.Probability,
                Is.EqualTo(both.After.Probability));
        Assert.That(both.Edits, Has.Count.EqualTo(2));
    }

    [Test]
    public void A_relative_tau_makes_the_vector_as_long_as_the_stream()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = Model(device);
        var memory = new Memory([5, 9], 1, 0.5f);
        Memory relative = memory.RelativeToStream(model, Prompt);
        var site = new Site(SiteKind.ResidPre, 1);
        using var session = new ModelSession(model, new SessionOptions { MaxTokens = 3, Record = [site] });
        session.Forward(new SequenceBatch([Prompt]));
        double mean = session.Recordings[site].ToArray().Chunk(20).Average(Norm);
        Assert.That(relative.Tau * Norm(memory.Vector(model)), Is.EqualTo(0.5 * mean).Within(1e-6 * mean));
    }

    [Test]
    public void A_tau_that_overflows_is_one_clear_line()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = Model(device);
        Assert.That(() => Injection.Run(model, Prompt, 11, [new Memory([5], 1, 1e25f)]),
            Throws.TypeOf<UserException>().With.Message.Contains("overflows"));
        Assert.That(model.Edits, Is.Empty, "nothing stays attached");
    }

    static double Norm(float[] x) => Math.Sqrt(x.Sum(v => (double)v * v));

    static LanguageModel Model(ComputeDevice device)
    {
        var model = new LanguageModel(device, Config);
        model.Initialize(3);
        return model;
    }
}
