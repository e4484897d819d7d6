using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Inject.Tests;

public sealed class MemoryTests
{
    static readonly ModelConfig Config =
        new() { VocabSize = 37, ContextLength = 12, Width = 20, Layers = 2, Heads = 4, Inner = 28 };

    [Test]
    public void It_adds_tau_times_the_unembedding()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using var model = new LanguageModel(device, Config);
        model.Initialize(3);
        var memory = new Memory([5, 9, 5], 1, 2.5f);
        float[] before = AttentionOut(model), after;
        using (model.Attach(memory.ToEdit()))
            after = AttentionOut(model);
        float[] head = model.Set["wte.weight"].ToArray();
        for (int t = 0; t < 3; t++)
            for (int c = 0; c < 20; c++)
                Assert.That(after[t * 20 + c] - before[t * 20 + c],
                    Is.EqualTo(2.5f * (head[5 * 20 + c] + head[9 * 20 + c])).Within(1e-6f),
                    $"position {t}, {c}");
        Assert.That(AttentionOut(model), Is.EqualTo(before), "the same bits afterwards");
    }

    [Test]
    public void Without_strength_nothing_changes_and_rows_and_positions_are_kept()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using var model = new LanguageModel(device, Config);
        model.Initialize(3);
        float[] before = AttentionOut(model);
        using (model.Attach(new Memory([5], 1, 0f).ToEdit()))
            Assert.That(AttentionOut(model), Is.EqualTo(before));
        using (model.Attach(new Memory([5], 1, 4f).ToEdit([1])))
            Assert.That(() => AttentionOut(model), Throws.TypeOf<UserException>(), "there is no row 1");
        using (model.Attach(new Memory([5], 1, 4f) { Positions = EditPositions.Last }.ToEdit()))
        {
            float[] last = AttentionOut(model);
            Assert.That(last[..40], Is.EqualTo(before[..40]));
            Assert.That(last[40..], Is.Not.EqualTo(before[40..]));
        }
    }

    static float[] AttentionOut(LanguageModel model)
    {
        var site = new Site(SiteKind.AttnOut, 1);
        using var session = new ModelSession(model, new SessionOptions { MaxTokens = 3, Record = [site] });
        session.Forward(new SequenceBatch([[7, 8, 6]]));
        return session.Recordings[site].ToArray();
    }
}
